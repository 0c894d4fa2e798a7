"""Unreachable lanes: what the collection says, and what raises without one."""

import pytest
from redis.exceptions import ClusterDownError, ConnectionError, ResponseError, TryAgainError

from tradecapture.inbox import LanesUnreachableError, UnreachableLanes
from tradecapture.inbox.unreachable import reachable

LANES = range(4)
AWAY, MOVING = ConnectionError("node a is away."), TryAgainError("half moved")


def test_it_says_which_lanes_and_why() -> None:
    """Lanes with the same cause are named together."""
    unreachable = UnreachableLanes(8)
    assert (unreachable.lanes, str(unreachable)) == ([], "")
    unreachable.raise_if_any()
    for lane, why in ((7, AWAY), (2, MOVING), (3, AWAY)):
        unreachable.add(lane, why)
    assert unreachable.lanes == [2, 3, 7]
    words = "lane 2 is out of reach: half moved; lanes 3, 7 are out of reach: node a is away"
    assert str(unreachable) == words
    with pytest.raises(LanesUnreachableError, match=words):
        unreachable.raise_if_any()


def test_replies_are_yielded_and_the_other_lanes_collected() -> None:
    """A lane that an earlier read could not reach is left out of a later one too."""
    unreachable = UnreachableLanes(len(LANES))
    answers = [1, AWAY, MOVING, ClusterDownError("slot not served")]
    assert list(reachable(LANES, answers, unreachable)) == [(0, 1)]
    assert unreachable.lanes == [1, 2, 3]
    unreachable = UnreachableLanes(len(LANES))
    assert list(reachable(LANES, [1, AWAY, 3, 4], unreachable)) == [(0, 1), (2, 3), (3, 4)]
    assert list(reachable(LANES, [5, 6, 7, 8], unreachable)) == [(0, 5), (2, 7), (3, 8)]


def test_without_a_collection_all_lanes_are_needed() -> None:
    """The error names the missing lanes."""
    with pytest.raises(
        LanesUnreachableError, match=r"^lanes 1, 3 are out of reach: node a is away$"
    ):
        list(reachable(LANES, [1, AWAY, 3, AWAY], None))
    assert list(reachable(LANES, [1, 2, 3, 4], None)) == list(enumerate([1, 2, 3, 4]))


def test_if_no_lane_is_left_its_error_is_raised() -> None:
    """Several reads may share a collection, each of which reached some lanes."""
    with pytest.raises(ConnectionError, match="node a is away"):
        list(reachable(LANES, [AWAY] * 4, UnreachableLanes(4)))
    unreachable = UnreachableLanes(4)
    assert list(reachable(LANES, [AWAY, AWAY, 3, 4], unreachable)) == [(2, 3), (3, 4)]
    with pytest.raises(ConnectionError, match="node a is away"):
        list(reachable(LANES, [1, 2, AWAY, AWAY], unreachable))


def test_any_other_error_is_raised() -> None:
    """A key of a wrong kind does not make a lane unreachable."""
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        list(reachable(LANES, [1, ResponseError("WRONGTYPE"), 3, 4], UnreachableLanes(4)))
