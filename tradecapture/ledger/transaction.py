"""The ledger transaction: lock, fence, dedupe, apply, write. A handful of statements a batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, select

from tradecapture.inbox import Claim, Entry
from tradecapture.ledger.dialects import LedgerDialect
from tradecapture.ledger.rows import (
    EntryId,
    ExceptionRow,
    KnownTrade,
    PartitionRow,
    exception_row,
    new_partition,
    outbox_rows,
)
from tradecapture.ledger.rules.decision import LedgerState, PartitionResult, decide
from tradecapture.ledger.rules.partition import CaptureContext
from tradecapture.ledger.rules.state import ExistingTrades, WriteSet
from tradecapture.ledger.schema.tables import exceptions, outbox, partitions, trades
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey

Clock = Callable[[], datetime]


class LedgerTransaction:
    """What happens inside one transaction; made once a dialect, used for every batch."""

    def __init__(self, dialect: LedgerDialect, window: int) -> None:
        """Prepare the statements.

        Args:
            dialect: of the database.
            window: how far ahead of its turn one of upstream's numbers may be.
        """
        self._dialect, self._window = dialect, window
        # On SQL Server FOR UPDATE compiles to nothing, and the hint says it.
        self._lock = (
            select(*(partitions.c[name] for name in PartitionRow._fields))
            .with_hint(partitions, "WITH (UPDLOCK, ROWLOCK)", "mssql")
            .where(dialect.among(partitions.c.partition_key, "keys"))
            .order_by(partitions.c.partition_key)
            .with_for_update()
        )
        self._known = self._known_in(trades).union_all(self._known_in(exceptions))
        self._buffered = select(*(exceptions.c[name] for name in ExceptionRow._fields)).where(
            dialect.among(exceptions.c.partition_key, "keys"),
            exceptions.c.outcome == Outcome.BUFFERED.value,
        )
        self._release = delete(exceptions).where(
            exceptions.c.partition_key == bindparam("key"),
            dialect.among(exceptions.c.trade_id, "ids"),
            exceptions.c.outcome == Outcome.BUFFERED.value,
        )

    def capture(
        self, connection: Connection, claim: Claim, task_id: str, clock: Clock
    ) -> list[PartitionResult]:
        """Write a claim's trades; return what became of each partition, in the claim's order."""
        rows = self.locked(connection, claim.partition_keys, clock())
        ids = [
            entry.submission.trade_id for claimed in claim.partitions for entry in claimed.entries
        ]
        buffered = self.buffered(connection, rows)
        evidence = LedgerState(rows, self.known(connection, [*ids, *ids_of(buffered)]), buffered)
        judgement = decide(claim, evidence, self.rules(task_id, clock()))
        self.write(connection, judgement.written)
        return judgement.verdicts

    def park(
        self,
        connection: Connection,
        claim: Claim,
        entry: Entry,
        reason: str,
        task_id: str,
        clock: Clock,
    ) -> PartitionResult:
        """Record a trade whose capture fails every time, and halt its partition: order first."""
        partition_key, now = entry.submission.partition_key, clock()
        row = self.locked(connection, [partition_key], now)[partition_key]
        if row.fence > claim.fence:
            return PartitionResult(partition_key, 0, {}, stale=True)
        if row.halted_reason is None:
            written = WriteSet()
            number = entry.submission.sequence_number
            parked = exception_row(entry, Outcome.PARKED, reason, task_id, now, number)
            written.exceptions.append(parked)
            written.outbox += outbox_rows(entry.submission, Outcome.PARKED, now)
            halted = row._replace(
                fence=claim.fence,
                halted_epoch=entry.epoch,
                halted_position=entry.position,
                halted_reason=reason,
                updated_at=now,
            )
            written.partitions.append(halted)
            self.write(connection, written)
        return PartitionResult(partition_key, 1, {Outcome.PARKED: 1}, hold=reason)

    def rules(self, task_id: str, now: datetime) -> CaptureContext:
        """Return the rules of a judgement."""
        return CaptureContext(self._window, task_id, now)

    def locked(
        self, connection: Connection, partition_keys: Iterable[PartitionKey], now: datetime
    ) -> Mapping[PartitionKey, PartitionRow]:
        """Lock partitions' rows, in key order, and return them; make those that are missing."""
        wanted = sorted(partition_keys)
        rows = self._locked(connection, wanted)
        missing = [key for key in wanted if key not in rows]
        if missing:
            # Another transaction may insert the same row; the database then refuses ours, and the
            # retry finds the other's. No statement is needed that only some databases have.
            self._insert(connection, partitions, [new_partition(key, now) for key in missing])
            rows |= self._locked(connection, missing)
        return rows

    def known(self, connection: Connection, ids: Sequence[str]) -> ExistingTrades:
        """Return what the ledger has already under some trade ids."""
        captured: dict[str, KnownTrade] = {}
        buffered: dict[str, KnownTrade] = {}
        recorded = set()
        parameter = {"ids": self._dialect.array(ids)}
        for trade_id, outcome, *rest in connection.execute(self._known, parameter):
            trade = KnownTrade._make(rest)
            if outcome == Outcome.CAPTURED:
                captured[trade_id] = trade
                continue
            recorded.add(EntryId(trade.partition_key, trade.epoch, trade.position, trade_id))
            if outcome == Outcome.BUFFERED:
                # Two partitions that were captured at the same moment may both have buffered an id.
                buffered[trade_id] = min(trade, buffered.get(trade_id, trade))
        return ExistingTrades(buffered | captured, recorded)

    def buffered(
        self, connection: Connection, rows: Mapping[PartitionKey, PartitionRow]
    ) -> dict[PartitionKey, dict[int, ExceptionRow]]:
        """Return the trades that wait in the ledger for their turn: partition -> number -> row."""
        partition_keys = [key for key, row in rows.items() if row.buffered]
        found: dict[PartitionKey, dict[int, ExceptionRow]] = {key: {} for key in partition_keys}
        if partition_keys:
            waiting = connection.execute(
                self._buffered, {"keys": self._dialect.array(partition_keys)}
            )
            for row in map(ExceptionRow._make, waiting):
                found[row.partition_key][row.sequence_number or 0] = row
        return found

    def write(self, connection: Connection, written: WriteSet) -> None:
        """Write the rows of a judgement."""
        if written.released:
            released = [
                {"key": key, "ids": self._dialect.array(ids)}
                for key, ids in written.released.items()
            ]
            connection.execute(self._release, released)
        self._insert(connection, trades, written.trades)
        self._insert(connection, exceptions, written.exceptions)
        self._insert(connection, outbox, written.outbox)
        if written.partitions:
            self._dialect.update_partitions(connection, written.partitions)

    def _known_in(self, table: Table) -> Select[Any]:
        return select(
            table.c.trade_id, table.c.outcome, *(table.c[name] for name in KnownTrade._fields)
        ).where(self._dialect.among(table.c.trade_id, "ids"))

    def _locked(
        self, connection: Connection, partition_keys: list[PartitionKey]
    ) -> dict[PartitionKey, PartitionRow]:
        found = connection.execute(self._lock, {"keys": self._dialect.array(partition_keys)})
        return {row[0]: PartitionRow._make(row) for row in found}

    def _insert(
        self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        if rows:
            self._dialect.insert_rows(connection, table, rows)


def ids_of(buffered: Mapping[PartitionKey, Mapping[int, ExceptionRow]]) -> list[str]:
    """Return the ids of the trades that wait in the ledger for their turn."""
    return [row.trade_id for waiting in buffered.values() for row in waiting.values()]
