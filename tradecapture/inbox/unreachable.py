"""Out of reach: the lanes of a cluster that a look could not see, and why.

Whoever can use a part of the whole brings a note of them, and says what it holds. Without one a
look that cannot see all lanes is refused: nothing incomplete is taken for the whole by mistake.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    TimeoutError,
    TryAgainError,
)

from tradecapture.connections.cluster.client import ClusterRedis
from tradecapture.connections.redis_client import pipeline_replies
from tradecapture.inbox.keys import lane_keys

Seen = TypeVar("Seen")
# What keeps a lane from being seen and not the others: its node is away, or its slot is nobody's or
# half moved. Anything else is a fault of which all must hear.
_OF_ONE_LANE = (ConnectionError, TimeoutError, ClusterDownError, AskError, TryAgainError)


class LanesUnreachableError(ConnectionError):
    """What was asked for needs all lanes, and some are out of reach."""


class UnreachableLanes:
    """A note of the lanes that looks could not see; one note serves for several looks."""

    def __init__(self, lanes: int) -> None:
        """Begin with none.

        Args:
            lanes: how many there are.
        """
        self._lanes = lanes
        self._why: dict[int, str] = {}

    @property
    def lanes(self) -> list[int]:
        """Their numbers, in order."""
        return sorted(self._why)

    def __contains__(self, lane: int) -> bool:
        """Whether a lane could not be seen."""
        return lane in self._why

    def __str__(self) -> str:
        """Return in words which they are, and why."""
        lanes_by_why: dict[str, list[str]] = defaultdict(list)
        for lane in self.lanes:
            lanes_by_why[self._why[lane]].append(str(lane))
        return "; ".join(
            f"{'lanes' if len(lanes) > 1 else 'lane'} {', '.join(lanes)} "
            f"{'are' if len(lanes) > 1 else 'is'} out of reach: {why}"
            for why, lanes in lanes_by_why.items()
        )

    def note(self, lane: int, why: Exception) -> None:
        """Note that a lane could not be seen.

        Raises:
            Exception: `why`, if it was the last: nothing is left to be seen.
        """
        self._why[lane] = str(why).rstrip(".")
        if len(self._why) == self._lanes:
            raise why

    def check(self) -> None:
        """Make sure that all lanes were seen.

        Raises:
            LanesOutOfReachError: some were not; it says which, and why.
        """
        if self._why:
            raise LanesUnreachableError(str(self))


def reachable(
    lanes: Sequence[int], answers: Iterable[Any], out_of_reach: UnreachableLanes | None
) -> Iterator[tuple[int, Any]]:
    """Yield the lanes that answered, each with its answer.

    Args:
        lanes: that were asked.
        answers: of each lane; of one that failed, its error.
        out_of_reach: to note the other lanes in; None: all are needed.

    Raises:
        LanesOutOfReachError: all are needed, and not all answered; raised at the end.
        RedisError: none answered, or one said that something else is wrong.
    """
    noted = UnreachableLanes(len(lanes)) if out_of_reach is None else out_of_reach
    for lane, answer in zip(lanes, answers, strict=True):
        if lane in noted:
            continue  # since an earlier look: what is said of it must not depend on the look
        if isinstance(answer, _OF_ONE_LANE):
            noted.note(lane, answer)
        elif isinstance(answer, Exception):
            raise answer
        else:
            yield lane, answer
    if out_of_reach is None:
        noted.check()


def read_each_lane(
    redis: "Redis",
    lanes: Sequence[int],
    look: Callable[[int], Seen],
    out_of_reach: UnreachableLanes | None,
) -> Iterator[Seen]:
    """Look into one lane after the other; yield what is seen.

    Args:
        redis: with the inboxes.
        lanes: to look into.
        look: takes a lane.
        out_of_reach: to note the lanes in that cannot be seen; None: all are needed.

    Raises:
        LanesOutOfReachError, RedisError: as `reachable`.
    """
    if not isinstance(redis, ClusterRedis):  # one server has all lanes, or none
        yield from map(look, lanes)
        return
    if out_of_reach is not None:
        lanes = [lane for lane in lanes if lane not in out_of_reach]
    # All at once first: so one timeout is waited out, and not one for each lane of a silent node.
    seen = [lane for lane, _answer in reachable(lanes, _answers(redis, lanes), out_of_reach)]
    yield from (found for _lane, found in reachable(seen, _looks(look, seen), out_of_reach))


def _answers(redis: "Redis", lanes: Sequence[int]) -> list[Any]:
    try:
        return pipeline_replies(redis, [("EXISTS", lane_keys(lane).positions) for lane in lanes])
    except _OF_ONE_LANE as error:  # of all these; there may be others
        return [error] * len(lanes)


def _looks(look: Callable[[int], Any], lanes: Iterable[int]) -> Iterator[Any]:
    for lane in lanes:
        try:
            yield look(lane)
        except _OF_ONE_LANE as error:
            yield error
