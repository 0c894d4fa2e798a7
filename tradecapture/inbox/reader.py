"""The reading side of the inbox: where a trade waits, and how each partition stands."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple, cast

from redis import Redis

from tradecapture.inbox.backlog import LaneBacklog, read_backlog
from tradecapture.inbox.connection import redis_now_ms
from tradecapture.inbox.entry import Entry, UnreadableEntryError, decode_entry
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.out_of_reach import OutOfReach, each_in_reach
from tradecapture.inbox.partitions import (
    InboxPartition,
    WaitingTrade,
    keys_after,
    newer_heads,
    read_partitions,
    read_waiting,
)
from tradecapture.inbox.pipelined import each_answer
from tradecapture.inbox.prediction import standing_of
from tradecapture.inbox.work import LaneWork, read_work
from tradecapture.receipt import Standing
from tradecapture.routing import lane_of
from tradecapture.settings import Settings


class SeenTrade(NamedTuple):
    """What is remembered of an accepted trade for the length of the idempotency window."""

    digest: str
    position: int
    epoch: int
    accepted_ms: int  # Redis time
    partition: str
    standing: Standing = Standing.ACCEPTED  # as predicted at its acceptance


class InboxReader:
    """Looks without touching: no lock is taken, nothing is marked.

    What looks at all lanes raises RedisError where one is out of reach, unless it is given a note
    in which it then stands, and of whose lanes nothing is returned.
    """

    def __init__(self, redis: "Redis", lanes: int) -> None:
        self._redis, self.lanes = redis, lanes

    def seen(self, trade_id: str) -> SeenTrade | None:
        """Find an accepted trade by its id, in one round trip over all lanes.

        Raises:
            RedisError: Redis, or a lane that may have it, is out of reach.
        """
        found = each_answer(
            self._redis, [("GET", lane_keys(lane).seen(trade_id)) for lane in range(self.lanes)]
        )
        for value in found:
            if isinstance(value, bytes):
                return _seen_trade(value)
        for error in found:
            if error is not None:
                raise error
        return None

    def entry(self, partition: str, position: int) -> Entry | None:
        """Return the trade that waits at a position; None: it waits no more, or is unreadable."""
        inbox = lane_keys(lane_of(partition, self.lanes)).inbox(partition)
        try:
            for entry in self.head(partition, 1):
                raw = cast(bytes | None, self._redis.lindex(inbox, position - entry.position))
                if raw is not None and position >= entry.position:
                    found = decode_entry(partition, raw)
                    # Between the two looks the head may have moved.
                    return found if found.position == position else None
        except UnreadableEntryError:
            pass
        return None

    def head(self, partition: str, trades: int) -> list[Entry]:
        """Return the oldest trades that wait in a partition, at most so many.

        Raises:
            UnreadableEntryError: one of them was accepted by another release.
        """
        inbox = lane_keys(lane_of(partition, self.lanes)).inbox(partition)
        raw_entries = cast(list[bytes], self._redis.lrange(inbox, 0, trades - 1))
        return [decode_entry(partition, raw) for raw in raw_entries]

    def partitions(self, out_of_reach: OutOfReach | None = None) -> list[InboxPartition]:
        """Return every partition that has accepted a trade in this epoch, by key."""

        def look(lane: int) -> list[InboxPartition]:
            names = cast(list[bytes], self._redis.hkeys(lane_keys(lane).positions))
            return read_partitions(self._redis, lane, [name.decode() for name in names])

        return self._of_lanes(range(self.lanes), look, out_of_reach)

    def partition(self, partition: str) -> InboxPartition | None:
        """Return one partition, or None if it has accepted nothing in this epoch."""
        found = read_partitions(self._redis, lane_of(partition, self.lanes), [partition])
        return found[0] if found else None

    def some(
        self, partitions: Sequence[str], out_of_reach: OutOfReach | None = None
    ) -> dict[str, InboxPartition]:
        """Return those of some partitions that have accepted a trade in this epoch, by key."""
        lanes: dict[int, list[str]] = {}
        for partition in partitions:
            lanes.setdefault(lane_of(partition, self.lanes), []).append(partition)

        def look(lane: int) -> list[InboxPartition]:
            return read_partitions(self._redis, lane, lanes[lane])

        return {row.partition: row for row in self._of_lanes([*lanes], look, out_of_reach)}

    def keys_after(
        self,
        after: str,
        limit: int,
        *,
        only_held: bool = False,
        out_of_reach: OutOfReach | None = None,
    ) -> list[str]:
        """Return the keys of partitions that follow a key; see `partitions.keys_after`."""
        return keys_after(
            self._redis, self.lanes, after, limit, only_held=only_held, out_of_reach=out_of_reach
        )

    def waiting(self, partition: str, trades: int) -> list[WaitingTrade]:
        """Return the oldest trades that wait in a partition; see `partitions.read_waiting`."""
        return read_waiting(self._redis, lane_of(partition, self.lanes), partition, trades)

    def newer_heads(self, limit: int, out_of_reach: OutOfReach | None = None) -> list[str]:
        """Return partitions that wait for a newer release; see `partitions.newer_heads`."""
        return newer_heads(self._redis, self.lanes, limit, out_of_reach)

    def now_ms(self) -> int:
        """Return the time of Redis in milliseconds: ages are counted by its clock, not by ours."""
        return redis_now_ms(self._redis)

    def backlog(self, out_of_reach: OutOfReach | None = None) -> list[LaneBacklog]:
        """Return how many trades wait in each lane, and how many have left it."""
        return read_backlog(self._redis, self.lanes, out_of_reach)

    def work(self, settings: Settings, out_of_reach: OutOfReach | None = None) -> list[LaneWork]:
        """Return how many claims of each lane could be captured now; see `work.read_work`."""
        return read_work(self._redis, settings, out_of_reach)

    def _of_lanes(
        self,
        lanes: Sequence[int],
        look: Callable[[int], list[InboxPartition]],
        out_of_reach: OutOfReach | None,
    ) -> list[InboxPartition]:
        found = each_in_reach(self._redis, lanes, look, out_of_reach)
        return sorted(chain.from_iterable(found))


def _seen_trade(value: bytes) -> SeenTrade:
    digest, position, epoch, accepted, partition = value.split(b" ", 4)
    accepted_ms = accepted.rstrip(b"BR")
    standing = standing_of(accepted.removeprefix(accepted_ms))
    return SeenTrade(
        digest.decode(), int(position), int(epoch), int(accepted_ms), partition.decode(), standing
    )
