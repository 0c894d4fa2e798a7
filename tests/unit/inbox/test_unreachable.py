"""The note of lanes out of reach: what it says, and what is refused without one."""

import pytest
from redis.exceptions import ClusterDownError, ConnectionError, ResponseError, TryAgainError

from tradecapture.inbox import LanesUnreachableError, UnreachableLanes
from tradecapture.inbox.unreachable import reachable

LANES = range(4)
AWAY, MOVING = ConnectionError("node a is away."), TryAgainError("half moved")


def test_a_note_says_which_lanes_and_why() -> None:
    """Lanes of one cause stand together."""
    noted = UnreachableLanes(8)
    assert (noted.lanes, str(noted)) == ([], "")
    noted.raise_if_any()
    for lane, why in ((7, AWAY), (2, MOVING), (3, AWAY)):
        noted.add(lane, why)
    assert noted.lanes == [2, 3, 7]
    words = "lane 2 is out of reach: half moved; lanes 3, 7 are out of reach: node a is away"
    assert str(noted) == words
    with pytest.raises(LanesUnreachableError, match=words):
        noted.raise_if_any()


def test_lanes_in_reach_are_seen_and_the_others_noted() -> None:
    """One that an earlier look could not see is not seen by a later one either."""
    noted = UnreachableLanes(len(LANES))
    answers = [1, AWAY, MOVING, ClusterDownError("slot not served")]
    assert list(reachable(LANES, answers, noted)) == [(0, 1)]
    assert noted.lanes == [1, 2, 3]
    noted = UnreachableLanes(len(LANES))
    assert list(reachable(LANES, [1, AWAY, 3, 4], noted)) == [(0, 1), (2, 3), (3, 4)]
    assert list(reachable(LANES, [5, 6, 7, 8], noted)) == [(0, 5), (2, 7), (3, 8)]


def test_without_a_note_all_lanes_are_needed() -> None:
    """The error names those that are missing."""
    with pytest.raises(
        LanesUnreachableError, match=r"^lanes 1, 3 are out of reach: node a is away$"
    ):
        list(reachable(LANES, [1, AWAY, 3, AWAY], None))
    assert list(reachable(LANES, [1, 2, 3, 4], None)) == list(enumerate([1, 2, 3, 4]))


def test_when_no_lane_is_left_its_error_is_raised() -> None:
    """Also when several looks share a note, each of which saw some."""
    with pytest.raises(ConnectionError, match="node a is away"):
        list(reachable(LANES, [AWAY] * 4, UnreachableLanes(4)))
    noted = UnreachableLanes(4)
    assert list(reachable(LANES, [AWAY, AWAY, 3, 4], noted)) == [(2, 3), (3, 4)]
    with pytest.raises(ConnectionError, match="node a is away"):
        list(reachable(LANES, [1, 2, AWAY, AWAY], noted))


def test_any_other_error_is_told_to_all() -> None:
    """A key of a wrong kind, or a right that is missing, is no lane out of reach."""
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        list(reachable(LANES, [1, ResponseError("WRONGTYPE"), 3, 4], UnreachableLanes(4)))
