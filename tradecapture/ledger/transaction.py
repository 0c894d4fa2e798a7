"""The ledger transaction: lock, fence, dedupe, apply, write. A handful of statements a batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from tradecapture.inbox import Claim, Entry
from tradecapture.ledger.dialects import LedgerDialect
from tradecapture.ledger.judgement import History, PartitionVerdict, judge
from tradecapture.ledger.new_rows import exception_row, new_partition, outbox_rows
from tradecapture.ledger.rows import KnownTrade, PartitionRow
from tradecapture.ledger.tables import exceptions, outbox, partitions, trades
from tradecapture.outcome import Outcome

Clock = Callable[[], datetime]


class LedgerTransaction:
    """What happens inside one transaction; made once a dialect, used for every batch."""

    def __init__(self, dialect: LedgerDialect) -> None:
        self._dialect = dialect
        # On SQL Server FOR UPDATE compiles to nothing, and the hint says it.
        self._lock = (
            select(*(partitions.c[name] for name in PartitionRow._fields))
            .with_hint(partitions, "WITH (UPDLOCK, ROWLOCK)", "mssql")
            .where(dialect.among(partitions.c.partition_key, "keys"))
            .order_by(partitions.c.partition_key)
            .with_for_update()
        )
        self._captured = select(
            trades.c.trade_id,
            *(trades.c[name] for name in KnownTrade._fields),
        ).where(dialect.among(trades.c.trade_id, "ids"))
        self._recorded = select(
            exceptions.c.partition_key,
            exceptions.c.epoch,
            exceptions.c.position,
            exceptions.c.trade_id,
        ).where(dialect.among(exceptions.c.trade_id, "ids"))

    def capture(
        self, connection: Connection, claim: Claim, task_id: str, clock: Clock
    ) -> list[PartitionVerdict]:
        """Write a claim's trades; return what became of each partition, in the claim's order."""
        rows = self._lock_partitions(connection, claim.keys, clock())
        ids = [
            entry.submission.trade_id for claimed in claim.partitions for entry in claimed.entries
        ]
        judgement = judge(claim, rows, self._history(connection, ids), task_id, clock())
        self._insert(connection, trades, judgement.trades)
        self._insert(connection, exceptions, judgement.exceptions)
        self._insert(connection, outbox, judgement.outbox)
        if judgement.partitions:
            self._dialect.update_partitions(connection, judgement.partitions)
        return judgement.verdicts

    def park(
        self,
        connection: Connection,
        claim: Claim,
        entry: Entry,
        reason: str,
        task_id: str,
        clock: Clock,
    ) -> PartitionVerdict:
        """Record a trade whose capture fails every time, and halt its partition: order first."""
        partition, now = entry.submission.partition_key, clock()
        row = self._lock_partitions(connection, [partition], now)[partition]
        if row.fence > claim.fence:
            return PartitionVerdict(partition, 0, {}, stale=True)
        if row.halted_reason is None:
            parked = exception_row(entry, Outcome.PARKED, reason, task_id, now)
            self._insert(connection, exceptions, [parked])
            self._insert(connection, outbox, outbox_rows(entry, Outcome.PARKED, now))
            halted = row._replace(
                fence=claim.fence,
                halted_epoch=entry.epoch,
                halted_position=entry.position,
                halted_reason=reason,
                updated_at=now,
            )
            self._dialect.update_partitions(connection, [halted])
        return PartitionVerdict(partition, 1, {Outcome.PARKED: 1}, hold=reason)

    def _lock_partitions(
        self, connection: Connection, keys: Iterable[str], now: datetime
    ) -> Mapping[str, PartitionRow]:
        wanted = sorted(keys)
        rows = self._locked(connection, wanted)
        missing = [key for key in wanted if key not in rows]
        if missing:
            # Another transaction may insert the same row; the database then refuses ours, and the
            # retry finds the other's. No statement is needed that only some databases have.
            self._insert(connection, partitions, [new_partition(key, now) for key in missing])
            rows |= self._locked(connection, missing)
        return rows

    def _locked(self, connection: Connection, keys: list[str]) -> dict[str, PartitionRow]:
        found = connection.execute(self._lock, {"keys": self._dialect.array(keys)})
        return {row[0]: PartitionRow._make(row) for row in found}

    def _history(self, connection: Connection, ids: list[str]) -> History:
        parameter = {"ids": self._dialect.array(ids)}
        found = connection.execute(self._captured, parameter)
        captured = {trade_id: KnownTrade._make(rest) for trade_id, *rest in found}
        if not captured and len(set(ids)) == len(ids):
            return History(captured, ())  # every trade is new, so none was recorded as not captured
        recorded = connection.execute(self._recorded, parameter)
        return History(captured, {tuple(row) for row in recorded})

    def _insert(
        self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        if rows:
            self._dialect.insert_rows(connection, table, rows)
