"""The backlog: how many trades wait in each lane, how fast they drain, how many workers they need.

Redis counts the trades that entered and left a lane. Each process reads these counts from time to
time; from their changes it works out the drain rate, and with it when a refused client may retry.
"""

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

# How old the counts may be. No script can read all lanes of a cluster, and four readings a second
# cost nothing. At 30,000 trades/s the total limit is exceeded by 7,500, which it allows for.
REFRESH_SECONDS = 0.25
# How long the drain rate is measured: several batches, but no load of an hour ago.
WINDOW_SECONDS = 10.0
# A shorter measurement may fall between two batches, as if nothing drained.
MIN_WINDOW_SECONDS = 1.0

MIN_RETRY_SECONDS = 1
MAX_RETRY_SECONDS = 60  # an operator may have acted by then: a client must not give up
# While the rate is unknown. When the client retries after this time, the rate is known.
UNKNOWN_RATE_RETRY_SECONDS = 2
# A full scope accepts trades again as soon as one leaves. Clients are told to retry later, once it
# has drained to this share of its limit, so that they are not refused again at once.
RETRY_SHARE = 0.9


class LaneBacklog(NamedTuple):
    """How many trades wait in a lane, and how many have left it since the counting began."""

    lane: int
    waiting: int
    completed: int


def read_backlog(
    redis: "Redis", lanes: int, unreachable: UnreachableLanes | None = None
) -> list[LaneBacklog]:
    """Return the backlog of each lane.

    Args:
        redis: with the inboxes.
        lanes: how many lanes there are.
        unreachable: gets the lanes that are left out; None: all are needed.

    Raises:
        RedisError: Redis, or a lane that is needed, is out of reach.
    """
    replies = pipeline_replies(redis, _count_commands(lanes))
    return [_lane_backlog(*reply) for reply in reachable(range(lanes), replies, unreachable)]


def _count_commands(lanes: int) -> list[tuple[str, ...]]:
    return [("HMGET", lane_keys(lane).backlog, "accepted", "settled") for lane in range(lanes)]


def _lane_backlog(lane: int, counts: Sequence[bytes | None]) -> LaneBacklog:
    accepted, completed = (int(count or 0) for count in counts)
    return LaneBacklog(lane, max(0, accepted - completed), completed)


def retry_after(waiting: int, limit: int, rate: float | None) -> int:
    """Return in how many whole seconds a scope will have drained to 90 % of its limit.

    Args:
        waiting: trades in the scope.
        limit: trades that the scope may hold.
        rate: trades a second that leave it; None: unknown.
    """
    if rate is None:
        return UNKNOWN_RATE_RETRY_SECONDS
    if rate <= 0:
        return MAX_RETRY_SECONDS
    seconds = ceil((waiting - RETRY_SHARE * limit) / rate)
    return min(max(seconds, MIN_RETRY_SECONDS), MAX_RETRY_SECONDS)


class _Sample(NamedTuple):
    seconds: float  # monotonic
    lanes: list[LaneBacklog]


class Backlog:
    """The backlog as one process knows it; its threads share the readings."""

    def __init__(
        self, redis: "Redis", lanes: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis, self._lanes, self._monotonic = redis, lanes, monotonic
        self._samples: deque[_Sample] = deque()
        self._accepted_since = 0  # trades that this process accepted since the last reading
        self._mutex = threading.Lock()

    def refresh(self) -> None:
        """Read the lanes' counts, if the last reading is too old.

        Raises:
            RedisError: Redis is out of reach.
        """
        with self._mutex:
            now = self._monotonic()
            if not self._samples or now - self._samples[-1].seconds >= REFRESH_SECONDS:
                replies = pipeline_replies(self._redis, _count_commands(self._lanes))
                lanes = [
                    # A lane out of reach keeps its last count: the others still accept trades.
                    self._last(lane)
                    if isinstance(counts, RedisError)
                    else _lane_backlog(lane, counts)
                    for lane, counts in enumerate(replies)
                ]
                self._keep(_Sample(now, lanes))

    @property
    def total(self) -> int:
        """Trades that waited in all lanes at the last reading, and were accepted here since."""
        with self._mutex:
            waiting = sum(lane.waiting for lane in self._samples[-1].lanes) if self._samples else 0
            return waiting + self._accepted_since

    def note_accepted(self, trades: int) -> None:
        """Add trades that this process just accepted to the total."""
        with self._mutex:
            self._accepted_since += trades

    def rate(self, lane: int | None = None) -> float | None:
        """Return trades a second that leave a lane (None: all lanes); None: unknown."""
        with self._mutex:
            if not self._samples:
                return None
            first, last = self._samples[0], self._samples[-1]
        seconds = last.seconds - first.seconds
        if seconds < MIN_WINDOW_SECONDS:
            return None
        pairs = zip(first.lanes, last.lanes, strict=True)
        drained = [now.completed - before.completed for before, now in pairs]
        return (sum(drained) if lane is None else drained[lane]) / seconds

    def _last(self, lane: int) -> LaneBacklog:
        return self._samples[-1].lanes[lane] if self._samples else LaneBacklog(lane, 0, 0)

    def _keep(self, sample: _Sample) -> None:
        samples = self._samples
        if samples and any(
            now.completed < before.completed
            for before, now in zip(samples[-1].lanes, sample.lanes, strict=True)
        ):
            samples.clear()  # Redis was emptied: older counts say nothing
        samples.append(sample)
        while sample.seconds - samples[0].seconds > WINDOW_SECONDS:
            samples.popleft()
        self._accepted_since = 0


# Partitions of a lane whose trades are counted: at most a quarter of a millisecond, in which Redis
# serves nobody else. If there are more, those that are due longest stand for all.
MAX_COUNTED_PARTITIONS = 100


class LaneLoad(NamedTuple):
    """The partitions of a lane that have waiting trades, by what they wait for."""

    lane: int
    due: int  # partitions that a worker may claim now
    claimed: int  # partitions that a worker has claimed; a lower bound while captures fail
    postponed: int  # partitions whose last capture failed, until their backoff ends
    held: int  # partitions that an operator paused or a parked trade halted
    due_for_ms: int  # how long the partition that is due longest has waited for a worker
    useful_parallelism: float  # full claims that the due and the claimed partitions make


def read_load(
    redis: "Redis", settings: Settings, unreachable: UnreachableLanes | None = None
) -> list[LaneLoad]:
    """Return the load of each lane, in one round trip.

    Args:
        redis: with the inboxes.
        settings: gives the number of lanes and the size of a claim.
        unreachable: gets the lanes that are left out; None: all are needed.

    Raises:
        RedisError: Redis, or a lane that is needed, is out of reach.
    """
    calls = []
    for lane in range(settings.lanes):
        keys = lane_keys(lane)
        claim_size = (settings.batch_trades, settings.batch_partitions)
        arguments = (keys.prefix, MAX_COUNTED_PARTITIONS, *claim_size)
        calls.append(Call("load", (keys.due, keys.held, keys.tries), arguments))
    return [
        LaneLoad._make([lane, *counts, float(full_claims)])
        for lane, (*counts, full_claims) in reachable(
            range(settings.lanes), run_all(redis, calls), unreachable
        )
    ]
