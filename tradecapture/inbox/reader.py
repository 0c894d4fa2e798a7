"""The reading side of the inbox: where a trade waits, and how each partition stands."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from heapq import nsmallest
from itertools import chain, islice
from typing import Any, NamedTuple, cast

from redis import Redis

from tradecapture.connections.redis_client import pipeline_replies, redis_now_ms, run_pipeline
from tradecapture.inbox.answers import expected_outcome
from tradecapture.inbox.backlog import LaneBacklog, LaneLoad, read_backlog, read_load
from tradecapture.inbox.entry import (
    Entry,
    UnreadableEntryError,
    accepted_ms_of,
    decode_entry,
    is_newer,
)
from tradecapture.inbox.hold import Hold
from tradecapture.inbox.inbox import Inbox
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.unreachable import UnreachableLanes, read_each_lane
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.partition import PartitionKey, lane_of

# Partitions that are read at once. With each comes its oldest trade whole, and one of those may
# have 256 KiB or, if the settings say so, more.
READ_AT_ONCE = 100
SCAN_AT_ONCE = 1000  # keys a step of a scan; a step takes Redis less than a millisecond


class InboxPartition(NamedTuple):
    """How a partition stands in Redis."""

    partition_key: PartitionKey
    lane: int
    epoch: int  # Redis time in microseconds at which the lane's positions began
    accepted: int  # the position given last
    waiting: int  # trades in the inbox
    oldest_accepted_ms: int | None  # Redis time of the head's acceptance; None: no readable head
    owner: str | None  # token of the claim that holds it
    lease_ms: int  # what is left of that claim's lease
    held: Hold | None  # why it must not be claimed
    began: int = 0  # the position given last before this epoch began; 0: a Redis began, too


class WaitingTrade(NamedTuple):
    """A trade as it waits in its partition."""

    position: int
    trade_id: str | None  # None: it is unreadable
    accepted_ms: int | None  # Redis time; None: it is unreadable
    sequence_number: int | None = None  # upstream's
    unreadable: str | None = None  # why this release cannot read it


def read_partitions(
    redis: "Redis", lane: int, partition_keys: Sequence[PartitionKey]
) -> list[InboxPartition]:
    """Return how some partitions of a lane stand; those that have accepted nothing are left out.

    Raises:
        RedisError: Redis is out of reach.
    """
    remaining, found = iter(partition_keys), list[InboxPartition]()
    while some := list(islice(remaining, READ_AT_ONCE)):
        found += _read(redis, lane, some)
    return found


def _read(
    redis: "Redis", lane: int, partition_keys: Sequence[PartitionKey]
) -> Iterator[InboxPartition]:
    keys = lane_keys(lane)
    epoch, held, positions, began = run_pipeline(
        redis,
        [
            ("GET", keys.epoch),
            ("HMGET", keys.held, *partition_keys),
            ("HMGET", keys.positions, *partition_keys),
            ("HMGET", keys.began, *partition_keys),
        ],
    )
    commands: list[Sequence[Any]] = []
    for key in partition_keys:
        lock = keys.lock(key)
        commands += [("LLEN", keys.inbox(key)), ("LINDEX", keys.inbox(key), 0)]
        commands += [("GET", lock), ("PTTL", lock)]
    replies = iter(run_pipeline(redis, commands))
    for key, position, hold, before in zip(partition_keys, positions, held, began, strict=True):
        waiting, head, owner, lease_ms = islice(replies, 4)
        if position is not None:
            yield InboxPartition(
                partition_key=key,
                lane=lane,
                epoch=int(epoch or 0),
                accepted=int(position),
                waiting=waiting,
                oldest_accepted_ms=accepted_ms_of(head) if head else None,
                owner=owner.decode() if owner else None,
                lease_ms=max(0, lease_ms),
                held=Hold.decode(hold.decode()) if hold is not None else None,
                began=int(before or 0),
            )


def read_waiting(
    redis: "Redis", lane: int, partition_key: PartitionKey, trades: int
) -> list[WaitingTrade]:
    """Return the oldest trades that wait in a partition, at most so many, unreadable ones too.

    Raises:
        RedisError: Redis is out of reach.
    """
    keys = lane_keys(lane)
    # In one transaction: a trade that cannot be read is known by its place alone.
    pipeline = redis.pipeline(transaction=True)
    pipeline.hget(keys.positions, partition_key)
    pipeline.llen(keys.inbox(partition_key))
    if trades > 0:
        pipeline.lrange(keys.inbox(partition_key), 0, trades - 1)
    accepted, waiting, *entries = pipeline.execute()
    first = int(accepted or 0) - waiting + 1
    return [
        _waiting(partition_key, first + index, raw)
        for index, raw in enumerate(entries[0] if entries else [])
    ]


def _waiting(partition_key: PartitionKey, position: int, raw: bytes) -> WaitingTrade:
    try:
        entry = decode_entry(partition_key, raw)
    except UnreadableEntryError as error:
        return WaitingTrade(position, None, None, unreadable=str(error))
    submission = entry.submission
    return WaitingTrade(
        entry.position, submission.trade_id, entry.accepted_ms, submission.sequence_number
    )


def newer_heads(
    redis: "Redis", lanes: int, limit: int, out_of_reach: UnreachableLanes | None = None
) -> list[PartitionKey]:
    """Return partitions whose oldest trade only a newer release can read.

    Args:
        redis: with the inboxes.
        lanes: how many there are.
        limit: of the partitions to look at in each lane; those that were due first.
        out_of_reach: to note the lanes in that are left out; None: all are needed.

    Raises:
        RedisError: Redis, or a lane that is needed, is out of reach.
    """

    def look(lane: int) -> list[PartitionKey]:
        keys, found = lane_keys(lane), list[PartitionKey]()
        raw_keys = cast(list[bytes], redis.zrange(keys.due, 0, limit - 1))
        partition_keys = [PartitionKey(raw.decode()) for raw in raw_keys]
        for start in range(0, len(partition_keys), READ_AT_ONCE):
            some = partition_keys[start : start + READ_AT_ONCE]
            heads = run_pipeline(redis, [("LINDEX", keys.inbox(key), 0) for key in some])
            found += [key for key, head in zip(some, heads, strict=True) if is_newer(head or b"")]
        return found

    return [*chain.from_iterable(read_each_lane(redis, range(lanes), look, out_of_reach))]


def keys_after(
    redis: "Redis",
    lanes: int,
    after: str,
    limit: int,
    *,
    only_held: bool = False,
    out_of_reach: UnreachableLanes | None = None,
) -> list[PartitionKey]:
    """Return the keys that follow a key, in order, at most so many of them.

    Memory is bounded by the limit, however many partitions there are; the time is not.

    Args:
        redis: with the inboxes.
        lanes: how many there are.
        after: the key; empty: from the first on.
        limit: of the keys.
        only_held: leave out those of partitions that are not held.
        out_of_reach: to note the lanes in that are left out; None: all are needed.

    Raises:
        RedisError: Redis, or a lane that is needed, is out of reach.
    """
    bound = after.encode()

    def look(lane: int) -> list[bytes]:
        keys, found = lane_keys(lane), list[bytes]()
        looked_in, cursor = keys.held if only_held else keys.positions, 0
        while True:
            reply = redis.hscan(looked_in, cursor, count=SCAN_AT_ONCE)
            cursor, names = cast(tuple[int, dict[bytes, bytes]], reply)
            # A scan may show a key twice.
            found = nsmallest(limit, {*found, *(name for name in names if name > bound)})
            if cursor == 0:
                return found

    found = list[bytes]()
    for names in read_each_lane(redis, range(lanes), look, out_of_reach):
        found = nsmallest(limit, [*found, *names])
    return [PartitionKey(raw.decode()) for raw in found]


class SeenTrade(NamedTuple):
    """What is remembered of an accepted trade for the length of the idempotency window."""

    digest: str
    position: int
    epoch: int
    accepted_ms: int  # Redis time
    partition_key: PartitionKey
    standing: ExpectedOutcome = ExpectedOutcome.ACCEPTED  # as predicted at its acceptance


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
        found = pipeline_replies(
            self._redis, [("GET", lane_keys(lane).seen(trade_id)) for lane in range(self.lanes)]
        )
        for value in found:
            if isinstance(value, bytes):
                return _seen_trade(value)
        for error in found:
            if error is not None:
                raise error
        return None

    def entry(self, partition_key: PartitionKey, position: int) -> Entry | None:
        """Return the trade that waits at a position; None: it waits no more, or is unreadable."""
        inbox = lane_keys(lane_of(partition_key, self.lanes)).inbox(partition_key)
        try:
            for entry in self.head(partition_key, 1):
                raw = cast(bytes | None, self._redis.lindex(inbox, position - entry.position))
                if raw is not None and position >= entry.position:
                    found = decode_entry(partition_key, raw)
                    # Between the two looks the head may have moved.
                    return found if found.position == position else None
        except UnreadableEntryError:
            pass
        return None

    def head(self, partition_key: PartitionKey, trades: int) -> list[Entry]:
        """Return the oldest trades that wait in a partition, at most so many.

        Raises:
            UnreadableEntryError: one of them was accepted by another release.
        """
        inbox = lane_keys(lane_of(partition_key, self.lanes)).inbox(partition_key)
        raw_entries = cast(list[bytes], self._redis.lrange(inbox, 0, trades - 1))
        return [decode_entry(partition_key, raw) for raw in raw_entries]

    def partitions(self, out_of_reach: UnreachableLanes | None = None) -> list[InboxPartition]:
        """Return every partition that has accepted a trade in this epoch, by key."""

        def look(lane: int) -> list[InboxPartition]:
            raw_keys = cast(list[bytes], self._redis.hkeys(lane_keys(lane).positions))
            partition_keys = [PartitionKey(raw.decode()) for raw in raw_keys]
            return read_partitions(self._redis, lane, partition_keys)

        return self._of_lanes(range(self.lanes), look, out_of_reach)

    def partition(self, partition_key: PartitionKey) -> InboxPartition | None:
        """Return one partition, or None if it has accepted nothing in this epoch."""
        found = read_partitions(self._redis, lane_of(partition_key, self.lanes), [partition_key])
        return found[0] if found else None

    def some(
        self, partition_keys: Sequence[PartitionKey], out_of_reach: UnreachableLanes | None = None
    ) -> dict[PartitionKey, InboxPartition]:
        """Return those of some partitions that have accepted a trade in this epoch, by key."""
        lanes: dict[int, list[PartitionKey]] = {}
        for key in partition_keys:
            lanes.setdefault(lane_of(key, self.lanes), []).append(key)

        def look(lane: int) -> list[InboxPartition]:
            return read_partitions(self._redis, lane, lanes[lane])

        return {row.partition_key: row for row in self._of_lanes([*lanes], look, out_of_reach)}

    def keys_after(
        self,
        after: str,
        limit: int,
        *,
        only_held: bool = False,
        out_of_reach: UnreachableLanes | None = None,
    ) -> list[PartitionKey]:
        """Return the keys of partitions that follow a key; see `partitions.keys_after`."""
        return keys_after(
            self._redis, self.lanes, after, limit, only_held=only_held, out_of_reach=out_of_reach
        )

    def waiting(self, partition_key: PartitionKey, trades: int) -> list[WaitingTrade]:
        """Return the oldest trades that wait in a partition; see `partitions.read_waiting`."""
        return read_waiting(self._redis, lane_of(partition_key, self.lanes), partition_key, trades)

    def newer_heads(
        self, limit: int, out_of_reach: UnreachableLanes | None = None
    ) -> list[PartitionKey]:
        """Return partitions that wait for a newer release; see `partitions.newer_heads`."""
        return newer_heads(self._redis, self.lanes, limit, out_of_reach)

    def now_ms(self) -> int:
        """Return the time of Redis in milliseconds: ages are counted by its clock, not by ours."""
        return redis_now_ms(self._redis)

    def backlog(self, out_of_reach: UnreachableLanes | None = None) -> list[LaneBacklog]:
        """Return how many trades wait in each lane, and how many have left it."""
        return read_backlog(self._redis, self.lanes, out_of_reach)

    def work(
        self, settings: Settings, out_of_reach: UnreachableLanes | None = None
    ) -> list[LaneLoad]:
        """Return how many claims of each lane could be captured now; see `work.read_load`."""
        return read_load(self._redis, settings, out_of_reach)

    def _of_lanes(
        self,
        lanes: Sequence[int],
        look: Callable[[int], list[InboxPartition]],
        out_of_reach: UnreachableLanes | None,
    ) -> list[InboxPartition]:
        found = read_each_lane(self._redis, lanes, look, out_of_reach)
        return sorted(chain.from_iterable(found))


def _seen_trade(value: bytes) -> SeenTrade:
    digest, position, epoch, accepted, raw_key = value.split(b" ", 4)
    accepted_ms = accepted.rstrip(b"BR")
    standing = expected_outcome(accepted.removeprefix(accepted_ms))
    return SeenTrade(
        digest.decode(),
        int(position),
        int(epoch),
        int(accepted_ms),
        PartitionKey(raw_key.decode()),
        standing,
    )


@contextmanager
def open_inbox(settings: Settings) -> Iterator[InboxReader]:
    """Open the inboxes to read them.

    Raises:
        LaneCountError: Redis was first used with another lane count.
        redis.exceptions.RedisError: Redis does not answer.
    """
    with closing(Inbox.connect(settings)) as inbox:
        inbox.check_lanes()
        yield InboxReader(inbox.redis, settings.lanes)
