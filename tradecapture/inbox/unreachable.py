"""Unreachable lanes: the lanes of a cluster that a read could not reach, and why.

Callers that can work with partial results pass an `UnreachableLanes` and report what is missing.
Without one, a read that cannot reach every lane raises.
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

LaneResult = TypeVar("LaneResult")
# Errors of one lane: its node is away, no node serves its slot, or its slot is migrating. All other
# errors concern every lane, so they are raised.
_LANE_ERRORS = (ConnectionError, TimeoutError, ClusterDownError, AskError, TryAgainError)


class LanesUnreachableError(ConnectionError):
    """A read needed all lanes, and some are out of reach."""


class UnreachableLanes:
    """The lanes that reads could not reach. Several reads may share one."""

    def __init__(self, lanes: int) -> None:
        """Begin with no lane.

        Args:
            lanes: how many lanes there are.
        """
        self._lanes = lanes
        self._why: dict[int, str] = {}

    @property
    def lanes(self) -> list[int]:
        """Their numbers, in order."""
        return sorted(self._why)

    def __contains__(self, lane: int) -> bool:
        """Whether a lane could not be reached."""
        return lane in self._why

    def __str__(self) -> str:
        """Return in words which lanes they are, and why."""
        lanes_by_why: dict[str, list[str]] = defaultdict(list)
        for lane in self.lanes:
            lanes_by_why[self._why[lane]].append(str(lane))
        return "; ".join(
            f"{'lanes' if len(lanes) > 1 else 'lane'} {', '.join(lanes)} "
            f"{'are' if len(lanes) > 1 else 'is'} out of reach: {why}"
            for why, lanes in lanes_by_why.items()
        )

    def add(self, lane: int, why: Exception) -> None:
        """Add a lane that could not be reached.

        Raises:
            Exception: `why`, if no lane is left that can be reached.
        """
        self._why[lane] = str(why).rstrip(".")
        if len(self._why) == self._lanes:
            raise why

    def raise_if_any(self) -> None:
        """Refuse partial results.

        Raises:
            LanesUnreachableError: some lanes could not be reached; it says which, and why.
        """
        if self._why:
            raise LanesUnreachableError(str(self))


def reachable(
    lanes: Sequence[int], replies: Iterable[Any], unreachable: UnreachableLanes | None
) -> Iterator[tuple[int, Any]]:
    """Yield the lanes that replied, each with its reply.

    Args:
        lanes: the lanes that were asked.
        replies: the reply of each lane, or its error.
        unreachable: gets the other lanes; None: all lanes are needed.

    Raises:
        LanesUnreachableError: all lanes are needed, and not all replied; raised at the end.
        RedisError: no lane replied, or an error concerns every lane.
    """
    collected = UnreachableLanes(len(lanes)) if unreachable is None else unreachable
    for lane, reply in zip(lanes, replies, strict=True):
        if lane in collected:
            continue  # an earlier read could not reach it: all reads leave out the same lanes
        if isinstance(reply, _LANE_ERRORS):
            collected.add(lane, reply)
        elif isinstance(reply, Exception):
            raise reply
        else:
            yield lane, reply
    if unreachable is None:
        collected.raise_if_any()


def read_each_lane(
    redis: "Redis",
    lanes: Sequence[int],
    read: Callable[[int], LaneResult],
    unreachable: UnreachableLanes | None,
) -> Iterator[LaneResult]:
    """Read one lane after the other; yield what each read returns.

    Args:
        redis: with the inboxes.
        lanes: the lanes to read.
        read: reads a lane.
        unreachable: gets the lanes out of reach; None: all lanes are needed.

    Raises:
        LanesUnreachableError, RedisError: as `reachable`.
    """
    if not isinstance(redis, ClusterRedis):  # one server has all lanes, or none
        yield from map(read, lanes)
        return
    if unreachable is not None:
        lanes = [lane for lane in lanes if lane not in unreachable]
    # First ask all lanes at once: the timeout of a silent node then passes once, not once a lane.
    reached = [lane for lane, _reply in reachable(lanes, _ping(redis, lanes), unreachable)]
    results = _read_all(read, reached)
    yield from (result for _lane, result in reachable(reached, results, unreachable))


def _ping(redis: "Redis", lanes: Sequence[int]) -> list[Any]:
    try:
        return pipeline_replies(redis, [("EXISTS", lane_keys(lane).positions) for lane in lanes])
    except _LANE_ERRORS as error:  # none of these lanes replied; others may
        return [error] * len(lanes)


def _read_all(read: Callable[[int], Any], lanes: Iterable[int]) -> Iterator[Any]:
    for lane in lanes:
        try:
            yield read(lane)
        except _LANE_ERRORS as error:
            yield error
