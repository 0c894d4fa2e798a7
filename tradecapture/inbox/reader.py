"""The reading side of the inbox: where a trade waits, and the state of each partition."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import nsmallest
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar, cast

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
from tradecapture.inbox.inbox import connect_inboxes
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.lane_count import check_lane_count
from tradecapture.inbox.unreachable import UnreachableLanes, read_each_lane
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.partition import PartitionKey, lane_of

Item = TypeVar("Item")

# Partitions read in one round trip. The oldest trade of each is read whole, and a trade may have
# 256 KiB or, if the settings say so, more.
PARTITIONS_AT_ONCE = 100
SCAN_AT_ONCE = 1000  # keys a step of a scan; a step takes Redis less than a millisecond


class AcceptedTrade(NamedTuple):
    """What Redis remembers of an accepted trade for the idempotency window."""

    digest: str
    position: int
    epoch: int
    accepted_ms: int  # Redis time
    partition_key: PartitionKey
    expected_outcome: ExpectedOutcome = ExpectedOutcome.ACCEPTED  # as predicted at acceptance


class InboxPartition(NamedTuple):
    """The state of a partition in Redis."""

    partition_key: PartitionKey
    lane: int
    epoch: int  # Redis time in microseconds at which the lane's epoch began
    accepted: int  # the position given last
    waiting: int  # trades in the inbox
    oldest_accepted_ms: int | None  # Redis time of the head's acceptance; None: no readable head
    owner: str | None  # token of the claim that has it
    lease_ms: int  # what is left of that claim's lease
    hold: Hold | None  # why it must not be claimed
    epoch_start: int = 0  # the position given last before this epoch; 0: Redis was empty then


class WaitingTrade(NamedTuple):
    """A trade that waits in its partition."""

    position: int
    trade_id: str | None  # None: the entry is unreadable
    accepted_ms: int | None  # Redis time; None: the entry is unreadable
    sequence_number: int | None = None  # upstream's
    unreadable: str | None = None  # why this release cannot read the entry


@contextmanager
def open_inbox_reader(settings: Settings) -> Iterator["InboxReader"]:
    """Open the inboxes to read them.

    Raises:
        LaneCountError: Redis was first used with another lane count.
        redis.exceptions.RedisError: Redis is out of reach.
    """
    with connect_inboxes(settings) as redis:
        check_lane_count(redis, settings.lanes)
        yield InboxReader(redis, settings.lanes)


class InboxReader:
    """Reads the inboxes and changes nothing: it takes no lock.

    Every method raises redis.exceptions.RedisError if Redis is out of reach. A method that reads
    all lanes also raises it if one lane is out of reach, unless it is given an `UnreachableLanes`.
    Then it adds that lane there and leaves out what the lane has.
    """

    def __init__(self, redis: "Redis", lanes: int) -> None:
        """Read with a client.

        Args:
            redis: with the inboxes.
            lanes: how many lanes there are.
        """
        self._redis, self.lanes = redis, lanes

    def now_ms(self) -> int:
        """Return the time of Redis in milliseconds. All ages are counted by this clock."""
        return redis_now_ms(self._redis)

    # ---------------------------------------------------------------- trades

    def accepted_trade(self, trade_id: str) -> AcceptedTrade | None:
        """Find an accepted trade by its id, in one round trip to all lanes.

        Raises:
            RedisError: a lane that may have the trade is out of reach.
        """
        replies = pipeline_replies(
            self._redis, [("GET", lane_keys(lane).seen(trade_id)) for lane in range(self.lanes)]
        )
        for reply in replies:
            if isinstance(reply, bytes):
                return _accepted_trade(reply)
        for reply in replies:
            if reply is not None:
                raise reply
        return None

    def entry(self, partition_key: PartitionKey, position: int) -> Entry | None:
        """Return the trade at a position; None: it no longer waits, or is unreadable."""
        inbox = lane_keys(lane_of(partition_key, self.lanes)).inbox(partition_key)
        try:
            for head in self.head(partition_key, 1):
                raw = cast(bytes | None, self._redis.lindex(inbox, position - head.position))
                if raw is not None and position >= head.position:
                    entry = decode_entry(partition_key, raw)
                    # The head may have moved between the two reads.
                    return entry if entry.position == position else None
        except UnreadableEntryError:
            pass
        return None

    def head(self, partition_key: PartitionKey, max_trades: int) -> list[Entry]:
        """Return the oldest trades that wait in a partition.

        Raises:
            UnreadableEntryError: this release cannot read one of them.
        """
        inbox = lane_keys(lane_of(partition_key, self.lanes)).inbox(partition_key)
        raw_entries = cast(list[bytes], self._redis.lrange(inbox, 0, max_trades - 1))
        return [decode_entry(partition_key, raw) for raw in raw_entries]

    def waiting_trades(self, partition_key: PartitionKey, max_trades: int) -> list[WaitingTrade]:
        """Return the oldest trades that wait in a partition, unreadable ones too."""
        keys = lane_keys(lane_of(partition_key, self.lanes))
        # In one transaction: an unreadable trade is only known by its place in the list, and its
        # position follows from both counts.
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hget(keys.positions, partition_key)
        pipeline.llen(keys.inbox(partition_key))
        if max_trades > 0:
            pipeline.lrange(keys.inbox(partition_key), 0, max_trades - 1)
        accepted, waiting, *entries = pipeline.execute()
        first = int(accepted or 0) - waiting + 1
        return [
            _waiting_trade(partition_key, first + index, raw)
            for index, raw in enumerate(entries[0] if entries else [])
        ]

    # ---------------------------------------------------------------- partitions

    def partition(self, partition_key: PartitionKey) -> InboxPartition | None:
        """Return the state of a partition; None: it accepted nothing in this epoch."""
        lane = lane_of(partition_key, self.lanes)
        partitions = self._read_partitions(lane, [partition_key])
        return partitions[0] if partitions else None

    def partitions(self, unreachable: UnreachableLanes | None = None) -> list[InboxPartition]:
        """Return every partition that accepted a trade in this epoch, by key."""

        def read(lane: int) -> list[InboxPartition]:
            raw_keys = cast(list[bytes], self._redis.hkeys(lane_keys(lane).positions))
            return self._read_partitions(lane, _partition_keys(raw_keys))

        return sorted(self._read_each_lane(range(self.lanes), read, unreachable))

    def partitions_by_key(
        self,
        partition_keys: Sequence[PartitionKey],
        unreachable: UnreachableLanes | None = None,
    ) -> dict[PartitionKey, InboxPartition]:
        """Return some partitions by key; those that accepted nothing in this epoch are left out."""
        keys_by_lane: dict[int, list[PartitionKey]] = {}
        for key in partition_keys:
            keys_by_lane.setdefault(lane_of(key, self.lanes), []).append(key)

        def read(lane: int) -> list[InboxPartition]:
            return self._read_partitions(lane, keys_by_lane[lane])

        partitions = self._read_each_lane([*keys_by_lane], read, unreachable)
        return {partition.partition_key: partition for partition in sorted(partitions)}

    def keys_after(
        self,
        after: str,
        limit: int,
        *,
        only_held: bool = False,
        unreachable: UnreachableLanes | None = None,
    ) -> list[PartitionKey]:
        """Return the partition keys that follow a key, in order.

        The limit bounds the memory, however many partitions there are; it does not bound the time.

        Args:
            after: the key; empty: from the first key on.
            limit: how many keys to return at most.
            only_held: leave out partitions that are not held.
            unreachable: gets the lanes out of reach; None: all are needed.
        """
        bound = after.encode()

        def read(lane: int) -> list[bytes]:
            keys, smallest, cursor = lane_keys(lane), list[bytes](), 0
            source = keys.held if only_held else keys.positions
            while True:
                reply = self._redis.hscan(source, cursor, count=SCAN_AT_ONCE)
                cursor, page = cast(tuple[int, dict[bytes, bytes]], reply)
                # A scan may return a key twice.
                smallest = nsmallest(limit, {*smallest, *(key for key in page if key > bound)})
                if cursor == 0:
                    return smallest

        smallest = list[bytes]()
        for raw_keys in read_each_lane(self._redis, range(self.lanes), read, unreachable):
            smallest = nsmallest(limit, [*smallest, *raw_keys])
        return _partition_keys(smallest)

    def keys_with_newer_head(
        self, limit: int, unreachable: UnreachableLanes | None = None
    ) -> list[PartitionKey]:
        """Return partitions whose oldest trade only a newer release can read.

        Args:
            limit: how many partitions of each lane to check: those that were due first.
            unreachable: gets the lanes out of reach; None: all are needed.
        """

        def read(lane: int) -> list[PartitionKey]:
            keys, newer = lane_keys(lane), list[PartitionKey]()
            raw_keys = cast(list[bytes], self._redis.zrange(keys.due, 0, limit - 1))
            remaining = iter(_partition_keys(raw_keys))
            while part := list(islice(remaining, PARTITIONS_AT_ONCE)):
                heads = run_pipeline(self._redis, [("LINDEX", keys.inbox(key), 0) for key in part])
                newer += [
                    key for key, head in zip(part, heads, strict=True) if is_newer(head or b"")
                ]
            return newer

        return [*self._read_each_lane(range(self.lanes), read, unreachable)]

    # ---------------------------------------------------------------- lanes

    def backlog(self, unreachable: UnreachableLanes | None = None) -> list[LaneBacklog]:
        """Return how many trades wait in each lane, and how many have left it."""
        return read_backlog(self._redis, self.lanes, unreachable)

    def load(
        self, settings: Settings, unreachable: UnreachableLanes | None = None
    ) -> list[LaneLoad]:
        """Return how many claims of each lane could be captured now; see `backlog.read_load`."""
        return read_load(self._redis, settings, unreachable)

    def _read_each_lane(
        self,
        lanes: Sequence[int],
        read: Callable[[int], list[Item]],
        unreachable: UnreachableLanes | None,
    ) -> Iterator[Item]:
        return chain.from_iterable(read_each_lane(self._redis, lanes, read, unreachable))

    def _read_partitions(
        self, lane: int, partition_keys: Sequence[PartitionKey]
    ) -> list[InboxPartition]:
        remaining, partitions = iter(partition_keys), list[InboxPartition]()
        while part := list(islice(remaining, PARTITIONS_AT_ONCE)):
            partitions += _read_partitions(self._redis, lane, part)
        return partitions


def _read_partitions(
    redis: "Redis", lane: int, partition_keys: Sequence[PartitionKey]
) -> Iterator[InboxPartition]:
    """Yield some partitions of a lane, read in two round trips; empty ones are left out."""
    keys = lane_keys(lane)
    epoch, holds, positions, epoch_starts = run_pipeline(
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
    for key, position, hold, epoch_start in zip(
        partition_keys, positions, holds, epoch_starts, strict=True
    ):
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
                hold=Hold.decode(hold.decode()) if hold is not None else None,
                epoch_start=int(epoch_start or 0),
            )


def _accepted_trade(value: bytes) -> AcceptedTrade:
    """Return what a `seen` key says; see the header of `accept.lua`."""
    digest, position, epoch, accepted, raw_key = value.split(b" ", 4)
    accepted_ms = accepted.rstrip(b"BR")
    return AcceptedTrade(
        digest.decode(),
        int(position),
        int(epoch),
        int(accepted_ms),
        PartitionKey(raw_key.decode()),
        expected_outcome(accepted.removeprefix(accepted_ms)),
    )


def _waiting_trade(partition_key: PartitionKey, position: int, raw: bytes) -> WaitingTrade:
    try:
        entry = decode_entry(partition_key, raw)
    except UnreadableEntryError as error:
        return WaitingTrade(position, None, None, unreadable=str(error))
    submission = entry.submission
    return WaitingTrade(
        entry.position, submission.trade_id, entry.accepted_ms, submission.sequence_number
    )


def _partition_keys(raw_keys: Sequence[bytes]) -> list[PartitionKey]:
    return [PartitionKey(raw.decode()) for raw in raw_keys]
