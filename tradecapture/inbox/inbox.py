"""The inbox as the fleet uses it: accept trades; claim, complete and hold partitions; ring."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from redis import Redis

from tradecapture.connections.redis_client import connect_redis, redis_now_ms
from tradecapture.inbox.acceptance import Acceptance, accept, bell_ms
from tradecapture.inbox.answers import MAX_PREDICTED_NUMBER
from tradecapture.inbox.backlog import Backlog
from tradecapture.inbox.claim import Claim, ClaimedPartition, Completion
from tradecapture.inbox.entry import (
    Entry,
    EntryFormat,
    NewerEntryError,
    UnreadableEntryError,
    decode_entry,
)
from tradecapture.inbox.hold import Hold, HoldKind
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.lane_count import check_lane_count, record_lane_count
from tradecapture.inbox.scripts import Argument, Call, run, run_all
from tradecapture.settings import Settings
from tradecapture.trades.clock import from_ms
from tradecapture.trades.partition import PartitionKey, lane_of
from tradecapture.trades.submission import Submission


def connect_inboxes(settings: Settings) -> "Redis":
    """Return a client of the Redis that holds the inboxes; it connects at first use."""
    return connect_redis(settings.redis_url, settings.connect_seconds, settings.sentinels)


class Inbox:
    """The inboxes of all lanes in one Redis.

    Every method raises redis.exceptions.RedisError if Redis is out of reach, except `accept`.
    """

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self.redis = redis
        self.lanes = settings.lanes
        self.lease_seconds = settings.lease_seconds
        self.entry_format = EntryFormat(redis)
        self._settings = settings
        self._backlog = Backlog(redis, settings.lanes)
        self._lease_ms = round(settings.lease_seconds * 1000)
        self._bell_ms = bell_ms(settings)
        self._backoff_ms = (
            round(settings.backoff_seconds * 1000),
            round(settings.backoff_limit_seconds * 1000),
        )

    @classmethod
    def connect(cls, settings: Settings) -> "Inbox":
        """Return the inboxes of a deployment, with a client of their Redis that `close` closes."""
        return cls(connect_inboxes(settings), settings)

    def close(self) -> None:
        """Close the connections to Redis."""
        self.redis.close()

    def check_lane_count(self) -> None:
        """Record the lane count at first use; afterwards compare with it.

        Raises:
            LaneCountError: another count is recorded.
        """
        check_lane_count(self.redis, self.lanes)

    def probe_write(self) -> None:
        """Make sure that trades could be accepted now, by a write that changes nothing.

        Raises:
            LaneCountError: another lane count is recorded.
            RedisError: Redis is out of reach, full or a replica.
        """
        self.check_lane_count()
        record_lane_count(self.redis, self.lanes)

    def now(self) -> datetime:
        """Return the time of Redis. All hosts share this clock."""
        return from_ms(redis_now_ms(self.redis))

    def accept(self, submissions: Sequence[Submission]) -> Acceptance:
        """Append trades to their inboxes; see `acceptance.accept`."""
        return accept(self.redis, self._settings, self._backlog, self.entry_format, submissions)

    def claim(self, lane: int, owner: str, jitter: float) -> Claim | None:
        """Lock due partitions of a lane and read their oldest trades; None: nothing is due.

        Args:
            lane: the lane.
            owner: who claims; shown to operators, and part of the token.
            jitter: 0 to 1; spreads the backoff of partitions that are due but locked.
        """
        keys, settings = lane_keys(lane), self._settings
        limits = (settings.batch_partitions, settings.batch_trades, settings.batch_bytes)
        call = Call(
            "claim",
            (keys.due, keys.held, keys.fence, keys.tries, keys.bell),
            (keys.prefix, owner, self._lease_ms, *limits, *self._backoff_ms, jitter),
        )
        token, fence, now_us, due_without_bell, *partitions = run(self.redis, call)
        if not partitions:
            return None
        claimed = tuple(
            _claimed_partition(PartitionKey(raw_key.decode()), raw_entries)
            for raw_key, *raw_entries in partitions
        )
        return Claim(lane, token.decode(), int(fence), int(now_us), claimed, due_without_bell)

    def claim_one(self, partition_key: PartitionKey, owner: str, max_trades: int) -> Claim | None:
        """Lock one partition for an operator, even if it is held or not due; None: it is locked.

        Args:
            partition_key: the partition.
            owner: who claims; shown to operators, and part of the token.
            max_trades: how many of its oldest trades to read; 0: none. The limit of a claim's
                bytes holds too.
        """
        lane = lane_of(partition_key, self.lanes)
        keys = lane_keys(lane)
        limits = (max_trades, self._settings.batch_bytes)
        call = Call(
            "claim_one",
            (keys.due, keys.held, keys.fence),
            (keys.prefix, owner, self._lease_ms, *limits, partition_key),
        )
        reply = run(self.redis, call)
        if not reply:
            return None
        token, fence, now_us, *raw_entries = reply
        claimed = _claimed_partition(partition_key, raw_entries)
        return Claim(lane, token.decode(), int(fence), int(now_us), (claimed,))

    def complete(self, lane: int, token: str, completions: Iterable[Completion]) -> list[bool]:
        """Remove captured trades and unlock their partitions; an existing hold stays.

        Args:
            lane: the lane of the claim.
            token: the token of the claim.
            completions: what happened to the claimed partitions.

        Returns:
            For each completion: True, or False if the lease was lost and nothing was changed.
        """
        keys = lane_keys(lane)
        arguments: list[Argument] = [keys.prefix, token]
        for partition_key, trades, why, upstream_number, pause in completions:
            hold = pause.encode() if pause else Hold.halt(why).encode() if why else ""
            reached = upstream_number if upstream_number <= MAX_PREDICTED_NUMBER else 0
            arguments += (partition_key, trades, hold, reached)
        call = Call(
            "complete", (keys.due, keys.held, keys.tries, keys.backlog, keys.upstream), arguments
        )
        replies = run(self.redis, call)
        return [reply == 1 for reply in replies]

    def postpone(
        self, lane: int, token: str, partition_keys: Iterable[PartitionKey], jitter: float
    ) -> list[int | None]:
        """Give claimed partitions back uncaptured; they are due again after a growing delay.

        Args:
            lane: the lane of the claim.
            token: the token of the claim.
            partition_keys: the partitions.
            jitter: 0 to 1; spreads the delays.

        Returns:
            For each partition: its delay in milliseconds, or None if the lease was lost.
        """
        keys = lane_keys(lane)
        arguments: list[Argument] = [keys.prefix, token, *self._backoff_ms, jitter, *partition_keys]
        replies = run(self.redis, Call("postpone", (keys.due, keys.held, keys.tries), arguments))
        return [None if reply < 0 else reply for reply in replies]

    def renew(self, lane: int, token: str, partition_keys: Iterable[PartitionKey]) -> list[bool]:
        """Extend a claim's lease; return for each partition False if its lease was lost."""
        keys = lane_keys(lane)
        arguments: list[Argument] = [keys.prefix, token, self._lease_ms, *partition_keys]
        replies = run(self.redis, Call("renew", (keys.due, keys.held), arguments))
        return [reply == 1 for reply in replies]

    def hold(self, partition_key: PartitionKey, hold: Hold) -> bool:
        """Keep a partition from being claimed; its trades are still accepted.

        Returns:
            True, or False if the hold replaced an existing one.
        """
        keys = lane_keys(lane_of(partition_key, self.lanes))
        call = Call("hold", (keys.due, keys.held), (keys.prefix, hold.encode(), partition_key))
        return bool(run(self.redis, call) == 1)

    def unhold(self, partition_key: PartitionKey, kind: HoldKind | None = None) -> list[int]:
        """Let a held partition be claimed again; return the lanes whose bell must be rung.

        Args:
            partition_key: the partition.
            kind: lift only a hold of this kind; None: of any kind.
        """
        lane = lane_of(partition_key, self.lanes)
        keys = lane_keys(lane)
        call = Call(
            "unhold",
            (keys.due, keys.held, keys.bell),
            (keys.prefix, self._bell_ms, kind or "", partition_key),
        )
        ring, _lifted = run(self.redis, call)
        return [lane] if ring else []

    def clear_bell(self, lane: int) -> None:
        """Note that a lane's bell was heard, or could not be sent: it may be rung again."""
        self.redis.delete(lane_keys(lane).bell)

    def reserve_bells(self, lanes: Sequence[int] | None = None) -> list[int]:
        """Reserve the bells of lanes where a partition is due and no bell is waiting.

        Args:
            lanes: the lanes to check; None: all.

        Returns:
            The lanes whose bell the caller must ring.
        """
        lanes_to_check = range(self.lanes) if lanes is None else lanes
        calls = []
        for lane in lanes_to_check:
            keys = lane_keys(lane)
            calls.append(Call("ring", (keys.due, keys.bell), (self._bell_ms,)))
        replies = run_all(self.redis, calls)
        return [lane for lane, reply in zip(lanes_to_check, replies, strict=True) if reply == 1]


def _claimed_partition(
    partition_key: PartitionKey, raw_entries: Iterable[bytes]
) -> ClaimedPartition:
    entries: list[Entry] = []
    for raw in raw_entries:
        try:
            entries.append(decode_entry(partition_key, raw))
        except UnreadableEntryError as error:
            newer = isinstance(error, NewerEntryError)
            return ClaimedPartition(partition_key, tuple(entries), str(error), raw, newer)
    return ClaimedPartition(partition_key, tuple(entries))
