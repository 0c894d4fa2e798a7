"""Deeds: what each request of an operator needs inside its transaction; the row comes first."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from tradecapture.inbox import Entry
from tradecapture.ledger.dialects import LedgerDialect
from tradecapture.ledger.known import Known
from tradecapture.ledger.operating.action import Deed, Request
from tradecapture.ledger.partition_judge import PartitionJudge
from tradecapture.ledger.rows import AuditRow, PartitionRow
from tradecapture.ledger.tables import TASK_ID_LENGTH, audit
from tradecapture.ledger.transaction import LedgerTransaction, ids_of
from tradecapture.ledger.written import Written


class Deeds:
    """Requests of one kind, each with its audit row in the same transaction."""

    def __init__(self, transaction: LedgerTransaction, dialect: LedgerDialect) -> None:
        self._transaction, self._dialect = transaction, dialect

    def is_done(self, connection: Connection, request: Request, now: datetime) -> bool:
        """Return whether a request was done at a moment: an attempt's answer may have been lost."""
        self.lock(connection, request, now)  # until then that attempt may still be committing
        found = connection.execute(
            select(audit.c.event_id).where(
                audit.c.partition_key == request.partition,
                audit.c.done_at == now,
                audit.c.who == request.who,
                audit.c.action == request.action.value,
            )
        )
        return found.first() is not None

    def audit(self, connection: Connection, rows: list[AuditRow]) -> None:
        """Write audit rows for what is done elsewhere."""
        self._dialect.insert_rows(connection, audit, rows)

    def lock(self, connection: Connection, request: Request, now: datetime) -> PartitionRow:
        """Lock the partition's row and return it."""
        return self._transaction.locked(connection, [request.partition], now)[request.partition]

    def judge(
        self,
        connection: Connection,
        row: PartitionRow,
        ids: Sequence[str],
        request: Request,
        now: datetime,
    ) -> tuple[PartitionJudge, Known, Written]:
        """Return a judge of the partition, what is known of some trade ids, and what it writes."""
        buffered = self._transaction.buffered(connection, {row.partition_key: row})
        known = self._transaction.known(connection, [*ids, *ids_of(buffered)])
        written = Written()
        rules = self._transaction.rules(task_id_of(request), now)
        waiting = buffered.get(row.partition_key, {})
        return PartitionJudge(row, known, waiting, rules, written), known, written

    def update(self, connection: Connection, row: PartitionRow) -> None:
        """Write the partition's row back."""
        self._dialect.update_partitions(connection, [row])

    def audited(
        self,
        connection: Connection,
        request: Request,
        now: datetime,
        deed: Deed,
        entry: Entry | None = None,
    ) -> Deed:
        """Write a deed into the audit, with the trade that it was about; return the deed."""
        row = AuditRow(
            now,
            request.who,
            request.action.value,
            request.partition,
            entry.submission.trade_id if entry else None,
            entry.epoch if entry else None,
            entry.position if entry else None,
            request.why,
            deed.message,
        )
        self.audit(connection, [row])
        return deed


def task_id_of(request: Request) -> str:
    """Return what stands in a row where a worker writes its task's id."""
    # ASCII, as Celery's ids are: SQL Server has no more in this column. The audit has the name.
    text = f"{request.action} by {request.who}"[:TASK_ID_LENGTH]
    return text.encode("ascii", "replace").decode()
