"""Standings: how partitions stand, a page of them, or one from close by."""

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


class PartitionState(NamedTuple):
    """How a partition stands, in the ledger and in Redis."""

    row: PartitionRow | None  # None: the ledger has nothing of it
    inbox: InboxPartition | None  # None: Redis has accepted nothing of it
    hold: Hold | None  # in Redis

    @property
    def is_known(self) -> bool:
        """Whether any trade of the partition was ever accepted."""
        return self.row is not None or self.inbox is not None

    @property
    def is_halted(self) -> bool:
        """Whether a parked trade halts it, as the ledger says."""
        return self.row is not None and self.row.halted_reason is not None

    @property
    def is_paused(self) -> bool:
        """Whether an operator has paused it, as the ledger or Redis says."""
        return (self.row is not None and self.row.paused_reason is not None) or (
            self.hold is not None and self.hold.kind is HoldKind.PAUSED
        )


def effective_hold(standing: PartitionState) -> Hold | None:
    """Return why a partition is held: as Redis says, or the ledger where Redis was emptied."""
    row = standing.row
    if standing.hold is not None or row is None:
        return standing.hold
    if row.paused_reason is not None:
        return Hold.from_note(row.paused_reason)
    return Hold.halt(row.halted_reason) if row.halted_reason is not None else None


MAX_PARTITIONS = 1000  # a page, at most: bounds the memory of whoever asks
MAX_WAITING = 100  # trades behind the head that are shown, at most; each is read whole
AUDIT_ROWS = 20  # what operators did to a partition last


class Page(NamedTuple):
    """Partitions in the order of their keys."""

    standings: dict[PartitionKey, PartitionState]
    last: str | None  # the key behind which the next page begins; None: there is none
    lanes_out_of_reach: Sequence[int]  # whose partitions are left out


class PartitionDetail(NamedTuple):
    """A partition from close by."""

    standing: PartitionState
    waiting: list[WaitingTrade]  # the oldest of those that wait
    halting: ExceptionRow | None  # the parked trade that halts it
    gap: SequenceGap | None  # in upstream's numbers
    audit: list[AuditRow]  # what operators did to it, the newest first


class PartitionOverview:
    """Looks at partitions, in the ledger and in Redis, without touching them.

    Each look raises redis.exceptions.RedisError or sqlalchemy.exc.SQLAlchemyError: out of reach.
    """

    def __init__(self, inbox: InboxReader, ledger: OperatorReader) -> None:
        self._inbox, self._ledger = inbox, ledger

    def page(self, after: str, limit: int, *, held: bool | None = None) -> Page:
        """Return the partitions whose keys follow a key.

        Those of lanes out of reach are left out, also where the ledger knows of them: what it
        knows says nothing of what waits.

        Args:
            after: the key; empty: from the first partition on.
            limit: how many to look at. A page has fewer where some are not as asked for, or out
                of reach.
            held: True: only those that are held; False: only those that are not.
        """
        out_of_reach = UnreachableLanes(self._inbox.lanes)
        here = self._inbox.keys_after(
            after, limit + 1, only_held=held is True, out_of_reach=out_of_reach
        )
        there = self._ledger.keys_after(after, limit + 1, only_held=held is True)
        partition_keys = nsmallest(limit + 1, {*here, *there})
        last = partition_keys[limit - 1] if len(partition_keys) > limit else None
        standings = self._some(partition_keys[:limit], out_of_reach)
        if held is not None:
            standings = {
                key: standing
                for key, standing in standings.items()
                if (effective_hold(standing) is not None) == held
            }
        return Page(standings, last, out_of_reach.lanes)

    def one(self, partition_key: PartitionKey) -> PartitionState:
        """Return how one partition stands."""
        return self._some([partition_key])[partition_key]

    def detail(self, partition_key: PartitionKey, waiting: int) -> PartitionDetail:
        """Look at one partition, and at so many of the trades that wait in it."""
        standing = self.one(partition_key)
        row = standing.row
        gaps = self._ledger.sequence_gaps(partition_key=partition_key)
        return PartitionDetail(
            standing,
            self._inbox.waiting(partition_key, waiting),
            self._ledger.halting_trade(row) if row is not None else None,
            gaps[0] if gaps else None,
            self._ledger.audit(partition_key=partition_key, limit=AUDIT_ROWS),
        )

    def now_ms(self) -> int:
        """Return the time of Redis in milliseconds, by which ages are counted."""
        return self._inbox.now_ms()

    def _some(
        self, partition_keys: Sequence[PartitionKey], out_of_reach: UnreachableLanes | None = None
    ) -> dict[PartitionKey, PartitionState]:
        found = self._inbox.some(partition_keys, out_of_reach)
        if out_of_reach is not None:
            partition_keys = [
                key for key in partition_keys if lane_of(key, self._inbox.lanes) not in out_of_reach
            ]
        rows = self._ledger.some(partition_keys)
        standings = {}
        for key in partition_keys:
            inbox = found.get(key)
            standings[key] = PartitionState(rows.get(key), inbox, inbox.held if inbox else None)
        return standings
