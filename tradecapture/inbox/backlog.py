"""The backlog: how many trades wait in all lanes, and how fast they drain."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from tradecapture.connections.redis_client import pipeline_replies
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.scripts import Call, run_all
from tradecapture.inbox.unreachable import UnreachableLanes, reachable
from tradecapture.settings import Settings

# A look takes Redis a quarter of a millisecond a lane at most, during which it serves nobody else.
# Of more partitions, those that are due longest stand for the others.
MAX_LOOKED_INTO = 100


class LaneLoad(NamedTuple):
    """How the partitions of a lane stand that have trades waiting."""

    lane: int
    due: int  # partitions that a worker may claim now
    claimed: int  # partitions that a worker is at; a lower bound while captures fail
    postponed: int  # partitions whose last capture failed, and that wait for their backoff
    held: int  # partitions that an operator paused or a parked trade halted
    due_for_ms: int  # how long the partition that is due longest has waited for a worker
    useful_parallelism: float  # full claims that what is due or claimed makes


def read_load(
    redis: "Redis", settings: Settings, out_of_reach: UnreachableLanes | None = None
) -> list[LaneLoad]:
    """Return the work of each lane, in one round trip.

    Args:
        redis: with the inboxes.
        settings: with the lanes, and how much a claim takes.
        out_of_reach: to note the lanes in that are left out; None: all are needed.

    Raises:
        RedisError: Redis, or a lane that is needed, is out of reach.
    """
    calls = []
    for lane in range(settings.lanes):
        keys = lane_keys(lane)
        limits = (settings.batch_trades, settings.batch_partitions)
        arguments = (keys.prefix, MAX_LOOKED_INTO, *limits)
        calls.append(Call("load", (keys.due, keys.held, keys.tries), arguments))
    return [
        LaneLoad._make([lane, *counts, float(claims)])
        for lane, (*counts, claims) in reachable(
            range(settings.lanes), run_all(redis, calls), out_of_reach
        )
    ]


# How old the count of all lanes may be. No script can see all lanes of a cluster, and four looks a
# second cost nothing; at 30,000 trades/s the total limit is exceeded by 7,500, which it allows for.
LOOK_SECONDS = 0.25
# Over how long the drain rate is measured: several batches, and not yet another hour's load.
WINDOW_SECONDS = 10.0
# Observed for less than this, a fleet between two batches looks as if it stood still.
SHORTEST_SECONDS = 1.0

RETRY_LEAST_SECONDS = 1
RETRY_MOST_SECONDS = 60  # by then an operator may have acted: a client must not give up on it
# While the rate is not known yet: when a client comes back after this, it is.
RETRY_UNKNOWN_SECONDS = 2
# A scope takes trades again at once, but who is sent away comes back when there is room to stay.
DRAINED = 0.9


class LaneBacklog(NamedTuple):
    """How many trades wait in a lane, and how many have left it since it was first counted."""

    lane: int
    waiting: int
    settled: int


class _Sample(NamedTuple):
    seconds: float  # monotonic
    lanes: list[LaneBacklog]


def read_backlog(
    redis: "Redis", lanes: int, out_of_reach: UnreachableLanes | None = None
) -> list[LaneBacklog]:
    """Return the backlog of each lane.

    Args:
        redis: with the inboxes.
        lanes: how many there are.
        out_of_reach: to note the lanes in that are left out; None: all are needed.

    Raises:
        RedisError: Redis, or a lane that is needed, is out of reach.
    """
    answers = pipeline_replies(redis, _counts(lanes))
    return [_count(*seen) for seen in reachable(range(lanes), answers, out_of_reach)]


def _counts(lanes: int) -> list[tuple[str, ...]]:
    """Return the command that reads each lane's counts."""
    return [("HMGET", lane_keys(lane).backlog, "accepted", "settled") for lane in range(lanes)]


def _count(lane: int, counts: Sequence[bytes | None]) -> LaneBacklog:
    accepted, settled = (int(count or 0) for count in counts)
    return LaneBacklog(lane, max(0, accepted - settled), settled)


def retry_after(waiting: int, limit: int, rate: float | None) -> int:
    """Return in how many whole seconds a scope will have drained to 90 % of its limit.

    Args:
        waiting: trades in the scope.
        limit: trades that it may hold.
        rate: trades a second that leave it; None: not known yet.
    """
    if rate is None:
        return RETRY_UNKNOWN_SECONDS
    if rate <= 0:
        return RETRY_MOST_SECONDS
    seconds = ceil((waiting - DRAINED * limit) / rate)
    return min(max(seconds, RETRY_LEAST_SECONDS), RETRY_MOST_SECONDS)


class Backlog:
    """The backlog as one process sees it, from looks that are shared by all its threads."""

    def __init__(
        self, redis: "Redis", lanes: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis, self._lanes, self._monotonic = redis, lanes, monotonic
        self._samples: deque[_Sample] = deque()
        self._accepted_since = 0  # trades that this process accepted since the last look
        self._mutex = threading.Lock()

    def look(self) -> None:
        """Look at the lanes, if the last look is too old.

        Raises:
            RedisError: Redis is out of reach.
        """
        with self._mutex:
            now = self._monotonic()
            if not self._samples or now - self._samples[-1].seconds >= LOOK_SECONDS:
                answers = pipeline_replies(self._redis, _counts(self._lanes))
                lanes = [
                    # Of a lane out of reach the last count holds: the others take trades on.
                    self._last(lane) if isinstance(counts, RedisError) else _count(lane, counts)
                    for lane, counts in enumerate(answers)
                ]
                self._keep(_Sample(now, lanes))

    @property
    def total(self) -> int:
        """How many trades waited in all lanes at the last look, and were accepted here since."""
        with self._mutex:
            waiting = sum(lane.waiting for lane in self._samples[-1].lanes) if self._samples else 0
            return waiting + self._accepted_since

    def note_accepted(self, trades: int) -> None:
        """Count trades that this process just accepted into the total."""
        with self._mutex:
            self._accepted_since += trades

    def rate(self, lane: int | None = None) -> float | None:
        """Return trades a second that leave a lane (None: all lanes); None: not known yet."""
        with self._mutex:
            if not self._samples:
                return None
            first, last = self._samples[0], self._samples[-1]
        seconds = last.seconds - first.seconds
        if seconds < SHORTEST_SECONDS:
            return None
        pairs = zip(first.lanes, last.lanes, strict=True)
        left = [now.settled - before.settled for before, now in pairs]
        return (sum(left) if lane is None else left[lane]) / seconds

    def _last(self, lane: int) -> LaneBacklog:
        return self._samples[-1].lanes[lane] if self._samples else LaneBacklog(lane, 0, 0)

    def _keep(self, sample: _Sample) -> None:
        samples = self._samples
        if samples and any(
            now.settled < before.settled
            for before, now in zip(samples[-1].lanes, sample.lanes, strict=True)
        ):
            samples.clear()  # Redis was emptied: what was counted before says nothing
        samples.append(sample)
        while sample.seconds - samples[0].seconds > WINDOW_SECONDS:
            samples.popleft()
        self._accepted_since = 0
