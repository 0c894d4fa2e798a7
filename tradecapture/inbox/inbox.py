"""The inbox: accepted trades in order, and who may capture them. Redis keeps the order."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from redis import Redis
from redis.exceptions import RedisError

from tradecapture.connections.cluster.client import ClusterRedis
from tradecapture.connections.redis_client import connect_redis, pipeline_replies, redis_now_ms
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
from tradecapture.inbox.keys import LANES_KEY, lane_keys
from tradecapture.inbox.scripts import Argument, Call, run, run_all
from tradecapture.settings import Settings
from tradecapture.trades.clock import from_ms
from tradecapture.trades.partition import PartitionKey, lane_of
from tradecapture.trades.submission import Submission


def connect_inboxes(settings: Settings) -> "Redis":
    """Return a client of the Redis that holds the inboxes; it connects at first use."""
    return connect_redis(settings.redis_url, settings.connect_seconds, settings.sentinels)


def lane_count_keys(redis: "Redis", lanes: int) -> list[str]:
    """Return the keys that hold the lane count; on a cluster one a lane, so on all its nodes.

    With one key alone no process could start, and none say that it is ready, while the node of
    that key is away.
    """
    if isinstance(redis, ClusterRedis):
        return [lane_keys(lane).lanes for lane in range(lanes)]
    return [LANES_KEY]


class LaneCountError(RuntimeError):
    """This process has another lane count than the one recorded at first use."""


class Inbox:
    """The inboxes of all lanes in one Redis."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self.redis = redis
        self.lanes = settings.lanes
        self._lane_count_keys = lane_count_keys(redis, settings.lanes)
        self._settings = settings
        self.lease_seconds = settings.lease_seconds
        self._lease_ms = round(settings.lease_seconds * 1000)
        self._bell_ms = bell_ms(settings)
        self._backlog = Backlog(redis, settings.lanes)
        self.entry_format = EntryFormat(redis)
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

    def check_lanes(self) -> None:
        """Record the lane count at first use; compare it ever after.

        Raises:
            LaneCountError: it differs; trades would be looked for in lanes where they are not.
        """
        recorded = self.recorded_lanes()
        if None in recorded:
            # Written only where nothing is: a Redis that is full can still be read.
            self._record_lanes()
            recorded = self.recorded_lanes()
        for count in recorded - {None, self.lanes}:
            where = f"the key {LANES_KEY}"
            if len(self._lane_count_keys) > 1:
                where = f"the keys {lane_keys(0).lanes} to {lane_keys((count or 1) - 1).lanes}"
            raise LaneCountError(
                f"TRADECAPTURE_LANES is {self.lanes}, but this Redis was first used with "
                f"{count} lanes. Nothing was changed. Set TRADECAPTURE_LANES={count}; or, to "
                "change the count, stop submitting, let `tradecapture reconcile` show nothing "
                f"waiting, stop every process, delete {where} and start again"
            )

    def probe_write(self) -> None:
        """Make sure that trades could be accepted now, by a write that changes nothing.

        Raises:
            LaneCountError: another lane count is recorded.
            RedisError: Redis is out of reach, full or a replica.
        """
        self.check_lanes()
        self._record_lanes()

    def now(self) -> datetime:
        """Return the time of Redis: the hosts' own clocks need not agree.

        Raises:
            RedisError: Redis is out of reach.
        """
        return from_ms(redis_now_ms(self.redis))

    def recorded_lanes(self) -> set[int | None]:
        """Return the lane count recorded at first use; None: it is not, or not on each node.

        Raises:
            RedisError: Redis is out of reach.
        """
        answers = pipeline_replies(self.redis, [("GET", key) for key in self._lane_count_keys])
        counts = [answer for answer in answers if not isinstance(answer, RedisError)]
        return {None if count is None else int(count) for count in counts}

    def _record_lanes(self) -> None:
        keys = self._lane_count_keys
        pipeline_replies(self.redis, [("SET", key, self.lanes, "NX") for key in keys])

    def accept(self, submissions: Sequence[Submission]) -> Acceptance:
        """Append trades to their inboxes; see `acceptance.accept`."""
        return accept(self.redis, self._settings, self._backlog, self.entry_format, submissions)

    def claim(self, lane: int, owner: str, jitter: float) -> Claim | None:
        """Lock due partitions of a lane and read their oldest trades; None: nothing is due.

        Args:
            lane: the lane to look in.
            owner: who claims; shown to operators, and part of the token.
            jitter: 0 to 1, spreads the backoff of partitions that are found locked.

        Raises:
            RedisError: Redis is out of reach.
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
        claimed = []
        for raw_key, *raw_entries in partitions:
            key = raw_key.decode()
            claimed.append(_claimed_partition(key, raw_entries))
        return Claim(
            lane, token.decode(), int(fence), int(now_us), tuple(claimed), due_without_bell
        )

    def claim_one(self, partition_key: PartitionKey, owner: str, trades: int) -> Claim | None:
        """Lock one partition for an operator, also if it is held or not due; None: it is locked.

        Args:
            partition_key: the partition.
            owner: who takes it; shown to operators, and part of the token.
            trades: how many of its oldest trades to read, at most (0: none); no more are read
                than the bytes of a claim allow.

        Raises:
            RedisError: Redis is out of reach.
        """
        lane = lane_of(partition_key, self.lanes)
        keys = lane_keys(lane)
        limits = (trades, self._settings.batch_bytes)
        call = Call(
            "claim_one",
            (keys.due, keys.held, keys.fence),
            (keys.prefix, owner, self._lease_ms, *limits, partition_key),
        )
        reply = run(self.redis, call)
        if not reply:
            return None
        token, fence, now_us, *raw_entries = reply
        taken = _claimed_partition(partition_key, raw_entries)
        return Claim(lane, token.decode(), int(fence), int(now_us), (taken,))

    def complete(self, lane: int, token: str, completions: Iterable[Completion]) -> list[bool]:
        """Remove written trades and unlock; False for a partition whose lease was lost.

        A hold that stands already stays, whatever a settlement says.
        """
        keys = lane_keys(lane)
        arguments: list[Argument] = [keys.prefix, token]
        for partition_key, written, why, upstream, pause in completions:
            hold = pause.encode() if pause else Hold.halt(why).encode() if why else ""
            reached = upstream if upstream <= MAX_PREDICTED_NUMBER else 0
            arguments += (partition_key, written, hold, reached)
        call = Call(
            "complete", (keys.due, keys.held, keys.tries, keys.backlog, keys.upstream), arguments
        )
        replies = run(self.redis, call)
        return [reply == 1 for reply in replies]

    def postpone(
        self, lane: int, token: str, partition_keys: Iterable[PartitionKey], jitter: float
    ) -> list[int | None]:
        """Give partitions back unwritten; return each delay in ms, None where a lease was lost."""
        keys = lane_keys(lane)
        arguments: list[Argument] = [keys.prefix, token, *self._backoff_ms, jitter, *partition_keys]
        replies = run(self.redis, Call("postpone", (keys.due, keys.held, keys.tries), arguments))
        return [None if reply < 0 else reply for reply in replies]

    def renew(self, lane: int, token: str, partition_keys: Iterable[PartitionKey]) -> list[bool]:
        """Lengthen a claim's lease; False for a partition whose lease was lost."""
        keys = lane_keys(lane)
        arguments: list[Argument] = [keys.prefix, token, self._lease_ms, *partition_keys]
        replies = run(self.redis, Call("renew", (keys.due, keys.held), arguments))
        return [reply == 1 for reply in replies]

    def hold(self, partition_key: PartitionKey, hold: Hold) -> bool:
        """Keep a partition from being claimed; its trades are accepted on.

        A hold that stands already is replaced; False says so.
        """
        keys = lane_keys(lane_of(partition_key, self.lanes))
        call = Call("hold", (keys.due, keys.held), (keys.prefix, hold.encode(), partition_key))
        return bool(run(self.redis, call) == 1)

    def unhold(self, partition_key: PartitionKey, kind: HoldKind | None = None) -> list[int]:
        """Let a held partition be claimed again; return the lanes whose bell must be rung.

        Args:
            partition_key: the partition.
            kind: release it only from a hold of this kind; None: from any.
        """
        lane = lane_of(partition_key, self.lanes)
        keys = lane_keys(lane)
        call = Call(
            "unhold",
            (keys.due, keys.held, keys.bell),
            (keys.prefix, self._bell_ms, kind or "", partition_key),
        )
        ring, _released = run(self.redis, call)
        return [lane] if ring else []

    def clear_bell(self, lane: int) -> None:
        """Note that a lane's bell was heard, or could not be sent: it may be rung again."""
        self.redis.delete(lane_keys(lane).bell)

    def reserve_bells(self, lanes: Sequence[int] | None = None) -> list[int]:
        """Take the right to ring for each lane where something is due and no bell is waiting."""
        looked_at = range(self.lanes) if lanes is None else lanes
        calls = []
        for lane in looked_at:
            keys = lane_keys(lane)
            calls.append(Call("ring", (keys.due, keys.bell), (self._bell_ms,)))
        replies = run_all(self.redis, calls)
        return [lane for lane, reply in zip(looked_at, replies, strict=True) if reply == 1]


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
