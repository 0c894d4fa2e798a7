"""The ledger transaction: lock, fence, deduplicate, apply, write, in few statements a batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, select

from tradecapture.inbox import Claim, Entry
from tradecapture.ledger.dialects import LedgerDialect
from tradecapture.ledger.rows import (
    EntryId,
    ExceptionRow,
    ExistingTrade,
    PartitionRow,
    exception_row,
    new_partition,
    outbox_rows,
)
from tradecapture.ledger.rules.decision import PartitionResult, decide
from tradecapture.ledger.rules.partition import CaptureContext
from tradecapture.ledger.rules.state import ExistingTrades, LedgerState, WriteSet
from tradecapture.ledger.schema.tables import exceptions, outbox, partitions, trades
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey

Clock = Callable[[], datetime]


class LedgerTransaction:
    """The steps of a transaction on the ledger, on a connection that the caller commits.

    One instance serves all transactions: it prepares the statements for a database.
    """

    def __init__(self, dialect: LedgerDialect, window: int) -> None:
        """Prepare the statements.

        Args:
            dialect: of the database.
            window: how far one of upstream's numbers may be ahead of the one that its partition has
                reached.
        """
        self._dialect, self._window = dialect, window
        # On SQL Server FOR UPDATE compiles to nothing, and the hint locks the rows.
        self._select_partitions = (
            select(*(partitions.c[name] for name in PartitionRow._fields))
            .with_hint(partitions, "WITH (UPDLOCK, ROWLOCK)", "mssql")
            .where(dialect.among(partitions.c.partition_key, "keys"))
            .order_by(partitions.c.partition_key)
            .with_for_update()
        )
        self._select_existing = self._existing_in(trades).union_all(self._existing_in(exceptions))
        self._select_buffered = select(
            *(exceptions.c[name] for name in ExceptionRow._fields)
        ).where(
            dialect.among(exceptions.c.partition_key, "keys"),
            exceptions.c.outcome == Outcome.BUFFERED.value,
        )
        self._delete_buffered = delete(exceptions).where(
            exceptions.c.partition_key == bindparam("key"),
            dialect.among(exceptions.c.trade_id, "ids"),
            exceptions.c.outcome == Outcome.BUFFERED.value,
        )

    def capture(
        self, connection: Connection, claim: Claim, task_id: str, clock: Clock
    ) -> list[PartitionResult]:
        """Write a claim's trades; return the result of each partition, in the claim's order.

        Raises:
            msgspec.ValidationError, decimal.Inexact, ...: a trade cannot be applied; nothing is
                written.
        """
        rows = self.lock_partitions(connection, claim.partition_keys, clock())
        buffered = self.read_buffered(connection, rows)
        ids = [
            entry.submission.trade_id for claimed in claim.partitions for entry in claimed.entries
        ]
        existing = self.read_existing(connection, [*ids, *buffered_ids(buffered)])
        state = LedgerState(rows, existing, buffered)
        decision = decide(claim, state, self.context(task_id, clock()))
        self.write(connection, decision.write_set)
        return decision.results

    def park(
        self,
        connection: Connection,
        claim: Claim,
        entry: Entry,
        reason: str,
        task_id: str,
        clock: Clock,
    ) -> PartitionResult:
        """Record a trade whose capture fails every time, and halt its partition to keep the order.

        A partition that is halted already keeps its first parked trade.
        """
        partition_key, now = entry.submission.partition_key, clock()
        row = self.lock_partitions(connection, [partition_key], now)[partition_key]
        if row.fence > claim.fence:
            return PartitionResult(partition_key, 0, {}, stale=True)
        if row.halted_reason is None:
            write_set = WriteSet()
            number = entry.submission.sequence_number
            parked = exception_row(entry, Outcome.PARKED, reason, task_id, now, number)
            write_set.exceptions.append(parked)
            write_set.outbox += outbox_rows(entry.submission, Outcome.PARKED, now)
            halted = row._replace(
                fence=claim.fence,
                halted_epoch=entry.epoch,
                halted_position=entry.position,
                halted_reason=reason,
                updated_at=now,
            )
            write_set.partitions.append(halted)
            self.write(connection, write_set)
        return PartitionResult(partition_key, 1, {Outcome.PARKED: 1}, hold=reason)

    def context(self, task_id: str, now: datetime) -> CaptureContext:
        """Return what all trades of one transaction share."""
        return CaptureContext(self._window, task_id, now)

    def lock_partitions(
        self, connection: Connection, partition_keys: Iterable[PartitionKey], now: datetime
    ) -> Mapping[PartitionKey, PartitionRow]:
        """Lock the rows of partitions in the order of their keys, and return them by key.

        Partitions that the ledger does not have yet get a row.
        """
        keys = sorted(partition_keys)
        rows = self._lock_rows(connection, keys)
        missing = [key for key in keys if key not in rows]
        if missing:
            # Another transaction may insert the same row. The database then refuses ours, and the
            # retry finds the other's row. This needs no statement that only some databases have.
            self._insert(connection, partitions, [new_partition(key, now) for key in missing])
            rows |= self._lock_rows(connection, missing)
        return rows

    def read_existing(self, connection: Connection, ids: Sequence[str]) -> ExistingTrades:
        """Return what the ledger already has under some trade ids."""
        captured: dict[str, ExistingTrade] = {}
        buffered: dict[str, ExistingTrade] = {}
        recorded = set()
        parameter = {"ids": self._dialect.array(ids)}
        for trade_id, outcome, *values in connection.execute(self._select_existing, parameter):
            trade = ExistingTrade._make(values)
            if outcome == Outcome.CAPTURED:
                captured[trade_id] = trade
                continue
            recorded.add(EntryId(trade.partition_key, trade.epoch, trade.position, trade_id))
            if outcome == Outcome.BUFFERED:
                # Two partitions that were captured at the same moment may both have buffered an id.
                buffered[trade_id] = min(trade, buffered.get(trade_id, trade))
        return ExistingTrades(buffered | captured, recorded)

    def read_buffered(
        self, connection: Connection, rows: Mapping[PartitionKey, PartitionRow]
    ) -> dict[PartitionKey, dict[int, ExceptionRow]]:
        """Return the buffered trades of partitions that have some, by key and upstream's number."""
        keys = [key for key, row in rows.items() if row.buffered]
        buffered: dict[PartitionKey, dict[int, ExceptionRow]] = {key: {} for key in keys}
        if keys:
            parameter = {"keys": self._dialect.array(keys)}
            for row in map(
                ExceptionRow._make, connection.execute(self._select_buffered, parameter)
            ):
                buffered[row.partition_key][row.sequence_number or 0] = row
        return buffered

    def write(self, connection: Connection, write_set: WriteSet) -> None:
        """Write the rows of a decision, one statement a table."""
        if write_set.unbuffered:
            parameters = [
                {"key": key, "ids": self._dialect.array(ids)}
                for key, ids in write_set.unbuffered.items()
            ]
            connection.execute(self._delete_buffered, parameters)
        self._insert(connection, trades, write_set.trades)
        self._insert(connection, exceptions, write_set.exceptions)
        self._insert(connection, outbox, write_set.outbox)
        if write_set.partitions:
            self._dialect.update_partitions(connection, write_set.partitions)

    def _existing_in(self, table: Table) -> Select[Any]:
        return select(
            table.c.trade_id, table.c.outcome, *(table.c[name] for name in ExistingTrade._fields)
        ).where(self._dialect.among(table.c.trade_id, "ids"))

    def _lock_rows(
        self, connection: Connection, partition_keys: list[PartitionKey]
    ) -> dict[PartitionKey, PartitionRow]:
        parameter = {"keys": self._dialect.array(partition_keys)}
        rows = map(PartitionRow._make, connection.execute(self._select_partitions, parameter))
        return {row.partition_key: row for row in rows}

    def _insert(
        self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        if rows:
            self._dialect.insert_rows(connection, table, rows)


def buffered_ids(buffered: Mapping[PartitionKey, Mapping[int, ExceptionRow]]) -> list[str]:
    """Return the ids of buffered trades, given by partition and upstream's number."""
    return [row.trade_id for rows in buffered.values() for row in rows.values()]
