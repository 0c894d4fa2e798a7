"""Operator transactions: what each action changes in the ledger, together with its audit row."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs
from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from tradecapture.inbox import Claim, Entry, Hold
from tradecapture.ledger.dialects import LedgerDialect
from tradecapture.ledger.queries.operator_reader import find_halting_trade, find_parked_trade
from tradecapture.ledger.rows import (
    AuditRow,
    EntryId,
    PartitionRow,
    entry_of,
    exception_row,
    outbox_rows,
)
from tradecapture.ledger.rules.partition import PartitionAggregate
from tradecapture.ledger.rules.state import ExistingTrades, WriteSet
from tradecapture.ledger.schema.tables import TASK_ID_LENGTH, audit, exceptions
from tradecapture.ledger.transaction import LedgerTransaction, buffered_ids
from tradecapture.operations.action import Action, ActionRequest, ActionResult, audit_row
from tradecapture.trades.lifecycle import Outcome


class OperatorTransactions:
    """Performs actions on a partition, each inside a transaction that the caller has begun.

    An action that is done writes its audit row in the same transaction. An action that is not
    done changes nothing and is not audited; only a failed retry is.
    """

    def __init__(self, transaction: LedgerTransaction, dialect: LedgerDialect) -> None:
        self._transaction, self._dialect = transaction, dialect

    def perform(
        self,
        connection: Connection,
        request: ActionRequest,
        now: datetime,
        claim: Claim | None,
        head: Entry | None,
    ) -> ActionResult:
        """Perform an action.

        Args:
            connection: of the transaction.
            request: of the operator.
            now: the time of the action, in UTC.
            claim: of the partition; needed to retry and to skip.
            head: the oldest waiting trade; a skip takes it if no parked trade halts the partition.

        Raises:
            ValueError: the action is none on a partition, or it needs a claim.
            Exception: a retried trade still cannot be captured; the caller rolls back.
        """
        match request.action:
            case Action.PAUSE:
                return self._pause(connection, request, now)
            case Action.RESUME:
                return self._resume(connection, request, now)
            case Action.RELEASE:
                return self._release(connection, request, now)
            case Action.RETRY if claim is not None:
                return self._retry(connection, request, claim, now)
            case Action.SKIP if claim is not None:
                return self._skip(connection, request, claim, head, now)
            case _:
                raise ValueError(f"{request.action} needs a claim, or is no action on a partition")

    def was_performed(self, connection: Connection, request: ActionRequest, now: datetime) -> bool:
        """Return whether the audit has a request of this moment.

        An attempt may have committed although the database's answer was lost.
        """
        self._lock(connection, request, now)  # waits for an attempt that is still committing
        rows = connection.execute(
            select(audit.c.event_id).where(
                audit.c.partition_key == request.partition_key,
                audit.c.done_at == now,
                audit.c.who == request.who,
                audit.c.action == request.action.value,
            )
        )
        return rows.first() is not None

    def record_failed_retry(
        self, connection: Connection, request: ActionRequest, error: str, now: datetime
    ) -> ActionResult:
        """Audit a failed retry; the partition stays halted, with the new error as the reason."""
        row = self._lock(connection, request, now)
        parked = find_halting_trade(connection, row)
        if parked is None:
            return _overtaken(request)  # another operator has retried or skipped the trade
        halted = row._replace(halted_reason=error, updated_at=now)
        self._dialect.update_partitions(connection, [halted])
        result = ActionResult(False, f"it still cannot be captured: {error}")
        return self._audited(connection, request, now, result, entry_of(parked))

    def audit(self, connection: Connection, rows: list[AuditRow]) -> None:
        """Write audit rows."""
        self._dialect.insert_rows(connection, audit, rows)

    def _pause(self, connection: Connection, request: ActionRequest, now: datetime) -> ActionResult:
        """Let no trade of the partition be captured after this transaction's commit."""
        row = self._lock(connection, request, now)
        reason = Hold.by_operator(request.who, request.why).note
        paused = row._replace(paused_reason=reason, updated_at=now)
        self._dialect.update_partitions(connection, [paused])
        before = f"; it was paused before by {row.paused_reason}" if row.paused_reason else ""
        result = ActionResult(True, f"{request.partition_key} is paused{before}")
        return self._audited(connection, request, now, result)

    def _resume(
        self, connection: Connection, request: ActionRequest, now: datetime
    ) -> ActionResult:
        """End a pause. A halt stays until its trade is retried or skipped."""
        row = self._lock(connection, request, now)
        if row.halted_reason is not None and row.paused_reason is None:
            return ActionResult(
                False,
                f"{request.partition_key} is not paused: the parked trade at position "
                f"{row.halted_position} halts it ({row.halted_reason}); retry or skip that trade",
            )
        resumed = row._replace(paused_reason=None, updated_at=now)
        self._dialect.update_partitions(connection, [resumed])
        halt = "; a parked trade still halts it" if row.halted_reason is not None else ""
        result = ActionResult(True, f"{request.partition_key} is no longer paused{halt}")
        return self._audited(connection, request, now, result)

    def _release(
        self, connection: Connection, request: ActionRequest, now: datetime
    ) -> ActionResult:
        """Wait no longer for the numbers that are missing below the lowest buffered one."""
        row = self._lock(connection, request, now)
        key = request.partition_key
        if not row.buffered:
            return ActionResult(False, f"no trade of {key} is buffered: nothing to release")
        if row.halted_reason is not None or row.paused_reason is not None:
            return ActionResult(False, f"{key} is held: end its pause or halt first, then release")
        aggregate, _existing, write_set = self._aggregate(connection, row, [], request, now)
        last_missing = aggregate.lowest_buffered - 1
        missing = f"{row.upstream + 1} to {last_missing}"
        aggregate.advance_to(last_missing)
        self._write(connection, aggregate, write_set)
        captured = aggregate.outcomes[Outcome.CAPTURED]
        result = ActionResult(
            True,
            f"numbers {missing} count as passed; {captured} buffered trades are captured",
            captured=captured,
            upstream_number=aggregate.upstream_number,
        )
        return self._audited(connection, request, now, result)

    def _retry(
        self, connection: Connection, request: ActionRequest, claim: Claim, now: datetime
    ) -> ActionResult:
        """Capture the parked trade that halts a partition, at its own position.

        Raises:
            Exception: it still cannot be captured.
        """
        row = self._lock(connection, request, now)
        if row.fence > claim.fence:
            return _overtaken(request)
        parked = find_halting_trade(connection, row)
        if parked is None:
            return ActionResult(
                False, f"no parked trade halts {request.partition_key}: nothing to retry"
            )
        connection.execute(delete(exceptions).where(_has_id(parked.entry_id)))
        entry, trade_id = entry_of(parked), parked.trade_id
        aggregate, existing, write_set = self._aggregate(
            connection, _without_halt(row, claim), [trade_id], request, now
        )
        aggregate.apply(_as_replay(entry) if _has_other_record(existing, trade_id) else entry)
        self._write(connection, aggregate, write_set)
        outcome = next(iter(aggregate.outcomes))
        result = ActionResult(
            True,
            f"trade {trade_id} is {outcome.lower()} now",
            trade_id,
            outcome,
            captured=aggregate.outcomes[Outcome.CAPTURED],
            completed=_completed_up_to_halt(claim, row),
            upstream_number=aggregate.upstream_number,
        )
        return self._audited(connection, request, now, result, entry)

    def _skip(
        self,
        connection: Connection,
        request: ActionRequest,
        claim: Claim,
        head: Entry | None,
        now: datetime,
    ) -> ActionResult:
        """Leave a trade parked and let the partition go on with the next one.

        The trade is the one that halts the partition, otherwise the head. A head that the ledger
        already has only leaves the inbox: a worker wrote it, but could not complete its claim.
        """
        row = self._lock(connection, request, now)
        if row.fence > claim.fence:
            return _overtaken(request)
        ids = [head.submission.trade_id] if head is not None else []
        aggregate, existing, write_set = self._aggregate(
            connection, _without_halt(row, claim), ids, request, now
        )
        reason = f"skipped by {request.who}: {request.why}"
        parked = find_halting_trade(connection, row)
        if parked is not None:
            entry, completed = entry_of(parked), _completed_up_to_halt(claim, row)
            reasons = f"{parked.reason}; {reason}"
            connection.execute(
                update(exceptions).where(_has_id(parked.entry_id)).values(reason=reasons)
            )
        elif head is None:
            message = f"no trade waits in {request.partition_key}: nothing to skip"
            return ActionResult(False, message)
        else:
            entry, completed = head, 1
            if not existing.has(head):
                self._park(write_set, head, reason, request, now)
            elif not _is_parked(connection, head):
                return self._audited(connection, request, now, _already_in_ledger(head), head)
        if entry.submission.sequence_number == row.upstream + 1:
            aggregate.advance_to(row.upstream + 1)
        self._write(connection, aggregate, write_set)
        trade_id = entry.submission.trade_id
        result = ActionResult(
            True,
            f"trade {trade_id} is skipped; it stays parked",
            trade_id,
            Outcome.PARKED,
            captured=aggregate.outcomes[Outcome.CAPTURED],
            completed=completed,
            upstream_number=aggregate.upstream_number,
        )
        return self._audited(connection, request, now, result, entry)

    def _park(
        self, write_set: WriteSet, head: Entry, reason: str, request: ActionRequest, now: datetime
    ) -> None:
        number = head.submission.sequence_number
        row = exception_row(head, Outcome.PARKED, reason, _task_id(request), now, number)
        write_set.exceptions.append(row)
        write_set.outbox += outbox_rows(head.submission, Outcome.PARKED, now)

    def _lock(self, connection: Connection, request: ActionRequest, now: datetime) -> PartitionRow:
        """Lock the partition's row and return it."""
        key = request.partition_key
        return self._transaction.lock_partitions(connection, [key], now)[key]

    def _aggregate(
        self,
        connection: Connection,
        row: PartitionRow,
        ids: Sequence[str],
        request: ActionRequest,
        now: datetime,
    ) -> tuple[PartitionAggregate, ExistingTrades, WriteSet]:
        """Return the partition's aggregate, what the ledger has of some ids, and the write set."""
        buffered = self._transaction.read_buffered(connection, {row.partition_key: row})
        existing = self._transaction.read_existing(connection, [*ids, *buffered_ids(buffered)])
        write_set = WriteSet()
        context = self._transaction.context(_task_id(request), now)
        waiting = buffered.get(row.partition_key, {})
        aggregate = PartitionAggregate(row, existing, waiting, context, write_set)
        return aggregate, existing, write_set

    def _write(
        self, connection: Connection, aggregate: PartitionAggregate, write_set: WriteSet
    ) -> None:
        aggregate.finish()
        self._transaction.write(connection, write_set)

    def _audited(
        self,
        connection: Connection,
        request: ActionRequest,
        now: datetime,
        result: ActionResult,
        entry: Entry | None = None,
    ) -> ActionResult:
        """Write the audit row of a result, with the trade that it was about; return the result."""
        row = audit_row(request, now, result.message)
        if entry is not None:
            row = row._replace(
                trade_id=entry.submission.trade_id, epoch=entry.epoch, position=entry.position
            )
        self.audit(connection, [row])
        return result


def _is_parked(connection: Connection, entry: Entry) -> bool:
    key = entry.submission.partition_key
    return find_parked_trade(connection, key, entry.epoch, entry.position) is not None


def _task_id(request: ActionRequest) -> str:
    """Return what a row of an operator's transaction has in place of a Celery task's id."""
    # ASCII, as Celery's ids are: on SQL Server this column holds nothing else. The audit has the
    # operator's name in full.
    text = f"{request.action} by {request.who}"[:TASK_ID_LENGTH]
    return text.encode("ascii", "replace").decode()


def _without_halt(row: PartitionRow, claim: Claim) -> PartitionRow:
    return row._replace(
        fence=claim.fence, halted_epoch=None, halted_position=None, halted_reason=None
    )


def _completed_up_to_halt(claim: Claim, row: PartitionRow) -> int:
    """Return how many claimed trades the ledger has: those up to the one that halts."""
    halted = (row.halted_epoch or 0, row.halted_position or 0)
    (claimed,) = claim.partitions
    return sum((entry.epoch, entry.position) <= halted for entry in claimed.entries)


def _has_id(entry_id: EntryId) -> ColumnElement[bool]:
    """Return the condition that a row records one acceptance of a trade."""
    return and_(*(exceptions.c[name] == value for name, value in entry_id._asdict().items()))


def _has_other_record(existing: ExistingTrades, trade_id: str) -> bool:
    return any(recorded == trade_id for _key, _epoch, _position, recorded in existing.exceptions)


def _as_replay(entry: Entry) -> Entry:
    """Mark a parked trade as the replay that it was: it has an older record elsewhere."""
    submission = structs.replace(entry.submission, replay_of=f"{entry.epoch}:{entry.position}")
    return entry._replace(submission=submission)


def _already_in_ledger(head: Entry) -> ActionResult:
    trade_id = head.submission.trade_id
    message = f"trade {trade_id} is not skipped: the ledger has it already; it leaves the inbox"
    return ActionResult(True, message, trade_id, completed=1)


def _overtaken(request: ActionRequest) -> ActionResult:
    return ActionResult(
        False,
        f"a worker or another operator has claimed {request.partition_key} in the meantime: "
        "see its state, and try again",
    )
