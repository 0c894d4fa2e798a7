"""The state of partitions, as the ledger and Redis have it: a page of them, or one in detail."""

from collections.abc import Sequence
from heapq import nsmallest
from typing import NamedTuple

from tradecapture.inbox import (
    Hold,
    HoldKind,
    InboxPartition,
    InboxReader,
    UnreachableLanes,
    WaitingTrade,
)
from tradecapture.ledger import AuditRow, ExceptionRow, PartitionRow
from tradecapture.ledger.queries.operator_reader import OperatorReader, SequenceGap
from tradecapture.trades.partition import PartitionKey, lane_of

MAX_PARTITIONS = 1000  # a page; bounds the memory of the caller
MAX_WAITING = 100  # waiting trades in a partition's detail; each is read whole
AUDIT_ROWS = 20  # the newest ones in a partition's detail


class PartitionState(NamedTuple):
    """The state of a partition in the ledger and in Redis."""

    row: PartitionRow | None  # None: the ledger has nothing of the partition
    inbox: InboxPartition | None  # None: Redis has accepted nothing of it
    hold: Hold | None  # in Redis

    @property
    def exists(self) -> bool:
        """Whether any trade of the partition was ever accepted."""
        return self.row is not None or self.inbox is not None

    @property
    def is_halted(self) -> bool:
        """Whether a parked trade halts the partition, as the ledger says."""
        return self.row is not None and self.row.halted_reason is not None

    @property
    def is_paused(self) -> bool:
        """Whether an operator has paused the partition, as the ledger or Redis says."""
        return (self.row is not None and self.row.paused_reason is not None) or (
            self.hold is not None and self.hold.kind is HoldKind.PAUSED
        )

    @property
    def effective_hold(self) -> Hold | None:
        """The hold in Redis; if Redis was emptied since, the hold that the ledger has."""
        if self.hold is not None or self.row is None:
            return self.hold
        if self.row.paused_reason is not None:
            return Hold.from_note(self.row.paused_reason)
        halted_reason = self.row.halted_reason
        return Hold.halt(halted_reason) if halted_reason is not None else None


class PartitionPage(NamedTuple):
    """Partitions in the order of their keys."""

    states: dict[PartitionKey, PartitionState]
    last: str | None  # the next page begins after this key; None: there is no next page
    lanes_out_of_reach: Sequence[int]  # the partitions of these lanes are left out


class PartitionDetail(NamedTuple):
    """One partition in detail."""

    state: PartitionState
    waiting: list[WaitingTrade]  # the oldest ones
    halting: ExceptionRow | None  # the parked trade that halts it
    gap: SequenceGap | None  # in the upstream numbers
    audit: list[AuditRow]  # of the partition, the newest first


class PartitionOverview:
    """Reads the state of partitions from the ledger and from Redis. It never locks.

    Its methods raise redis.exceptions.RedisError or sqlalchemy.exc.SQLAlchemyError if a server is
    unreachable.
    """

    def __init__(self, inbox: InboxReader, ledger: OperatorReader) -> None:
        self._inbox, self._ledger = inbox, ledger

    def page(self, after: str, limit: int, *, held: bool | None = None) -> PartitionPage:
        """Return the partitions whose keys follow a key.

        Partitions of unreachable lanes are left out, even those that the ledger has: nobody knows
        what waits in them.

        Args:
            after: the key; empty: from the first partition on.
            limit: how many partitions to read. A page has fewer if `held` or an unreachable lane
                leaves some of them out.
            held: True: only held partitions; False: only those that are not held.
        """
        unreachable = UnreachableLanes(self._inbox.lanes)
        in_redis = self._inbox.keys_after(
            after, limit + 1, only_held=held is True, unreachable=unreachable
        )
        in_ledger = self._ledger.keys_after(after, limit + 1, only_held=held is True)
        keys = nsmallest(limit + 1, {*in_redis, *in_ledger})
        last = keys[limit - 1] if len(keys) > limit else None
        states = self._read_states(keys[:limit], unreachable)
        if held is not None:
            states = {
                key: state
                for key, state in states.items()
                if (state.effective_hold is not None) == held
            }
        return PartitionPage(states, last, unreachable.lanes)

    def one(self, partition_key: PartitionKey) -> PartitionState:
        """Return the state of one partition."""
        return self._read_states([partition_key])[partition_key]

    def detail(self, partition_key: PartitionKey, max_waiting: int) -> PartitionDetail:
        """Return one partition in detail, with at most so many of its waiting trades."""
        state = self.one(partition_key)
        gaps = self._ledger.sequence_gaps(partition_key=partition_key)
        return PartitionDetail(
            state,
            self._inbox.waiting_trades(partition_key, max_waiting),
            self._ledger.halting_trade(state.row) if state.row is not None else None,
            gaps[0] if gaps else None,
            self._ledger.audit(partition_key=partition_key, limit=AUDIT_ROWS),
        )

    def now_ms(self) -> int:
        """Return the time of Redis in milliseconds; ages are measured with its clock."""
        return self._inbox.now_ms()

    def _read_states(
        self, keys: Sequence[PartitionKey], unreachable: UnreachableLanes | None = None
    ) -> dict[PartitionKey, PartitionState]:
        inboxes = self._inbox.partitions_by_key(keys, unreachable)
        if unreachable is not None:
            keys = [key for key in keys if lane_of(key, self._inbox.lanes) not in unreachable]
        rows = self._ledger.partitions_by_key(keys)
        states = {}
        for key in keys:
            inbox = inboxes.get(key)
            states[key] = PartitionState(rows.get(key), inbox, inbox.hold if inbox else None)
        return states
