"""Operating: one request of an operator in one transaction, whichever it is."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs
from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from tradecapture.inbox import Claim, Entry, Hold
from tradecapture.ledger import Ledger, LedgerUnavailableError, reason_of
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
from tradecapture.ledger.transaction import Clock, LedgerTransaction, ids_of
from tradecapture.operations.action import Action, ActionRequest, ActionResult
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome


class Deeds:
    """Requests of one kind, each with its audit row in the same transaction."""

    def __init__(self, transaction: LedgerTransaction, dialect: LedgerDialect) -> None:
        self._transaction, self._dialect = transaction, dialect

    def is_done(self, connection: Connection, request: ActionRequest, now: datetime) -> bool:
        """Return whether a request was done at a moment: an attempt's answer may have been lost."""
        self.lock(connection, request, now)  # until then that attempt may still be committing
        found = connection.execute(
            select(audit.c.event_id).where(
                audit.c.partition_key == request.partition_key,
                audit.c.done_at == now,
                audit.c.who == request.who,
                audit.c.action == request.action.value,
            )
        )
        return found.first() is not None

    def audit(self, connection: Connection, rows: list[AuditRow]) -> None:
        """Write audit rows for what is done elsewhere."""
        self._dialect.insert_rows(connection, audit, rows)

    def lock(self, connection: Connection, request: ActionRequest, now: datetime) -> PartitionRow:
        """Lock the partition's row and return it."""
        return self._transaction.locked(connection, [request.partition_key], now)[
            request.partition_key
        ]

    def judge(
        self,
        connection: Connection,
        row: PartitionRow,
        ids: Sequence[str],
        request: ActionRequest,
        now: datetime,
    ) -> tuple[PartitionAggregate, ExistingTrades, WriteSet]:
        """Return a judge of the partition, what is known of some trade ids, and what it writes."""
        buffered = self._transaction.buffered(connection, {row.partition_key: row})
        known = self._transaction.known(connection, [*ids, *ids_of(buffered)])
        written = WriteSet()
        rules = self._transaction.rules(task_id_of(request), now)
        waiting = buffered.get(row.partition_key, {})
        return PartitionAggregate(row, known, waiting, rules, written), known, written

    def update(self, connection: Connection, row: PartitionRow) -> None:
        """Write the partition's row back."""
        self._dialect.update_partitions(connection, [row])

    def audited(
        self,
        connection: Connection,
        request: ActionRequest,
        now: datetime,
        deed: ActionResult,
        entry: Entry | None = None,
    ) -> ActionResult:
        """Write a deed into the audit, with the trade that it was about; return the deed."""
        row = AuditRow(
            now,
            request.who,
            request.action.value,
            request.partition_key,
            entry.submission.trade_id if entry else None,
            entry.epoch if entry else None,
            entry.position if entry else None,
            request.why,
            deed.message,
        )
        self.audit(connection, [row])
        return deed


def task_id_of(request: ActionRequest) -> str:
    """Return what stands in a row where a worker writes its task's id."""
    # ASCII, as Celery's ids are: SQL Server has no more in this column. The audit has the name.
    text = f"{request.action} by {request.who}"[:TASK_ID_LENGTH]
    return text.encode("ascii", "replace").decode()


class HeadDeeds(Deeds):
    """Deeds under a claim: with the lock, the lease and the fence of a worker."""

    def retry(
        self, connection: Connection, request: ActionRequest, claim: Claim, now: datetime
    ) -> ActionResult:
        """Judge the parked trade that halts a partition again, in its own place.

        Raises:
            Exception: it still cannot be captured; nothing was changed.
        """
        row = self.lock(connection, request, now)
        if row.fence > claim.fence:
            return _overtaken(request)
        parked = find_halting_trade(connection, row)
        if parked is None:
            return ActionResult(
                False, f"no parked trade halts {request.partition_key}: nothing to retry"
            )
        connection.execute(delete(exceptions).where(_has_id(parked.entry_id)))
        entry = entry_of(parked)
        ids = [parked.trade_id]
        judge, known, written = self.judge(connection, _running(row, claim), ids, request, now)
        judge.judge(_replayed(entry) if _was_recorded(parked.trade_id, known) else entry)
        judge.finish()
        self._transaction.write(connection, written)
        outcome = next(iter(judge.outcomes))
        captured = judge.outcomes[Outcome.CAPTURED]
        deed = ActionResult(
            True,
            f"trade {parked.trade_id} is {outcome.lower()} now",
            parked.trade_id,
            outcome,
            captured,
            _up_to(claim, row),
            judge.upstream,
        )
        return self.audited(connection, request, now, deed, entry)

    def skip(
        self,
        connection: Connection,
        request: ActionRequest,
        claim: Claim,
        head: Entry | None,
        now: datetime,
    ) -> ActionResult:
        """Leave the trade at the head parked, and let the partition go on behind it.

        Args:
            connection: of the transaction.
            request: of the operator.
            claim: of the partition.
            head: the oldest trade that waits; used if no parked trade halts the partition.
            now: when this happens, in UTC.

        One that is captured or recorded already, because whoever did it could not settle, only
        leaves the inbox.
        """
        row = self.lock(connection, request, now)
        if row.fence > claim.fence:
            return _overtaken(request)
        ids = [head.submission.trade_id] if head is not None else []
        judge, known, written = self.judge(connection, _running(row, claim), ids, request, now)
        reason = f"skipped by {request.who}: {request.why}"
        parked = find_halting_trade(connection, row)
        if parked is not None:
            entry, leaving = entry_of(parked), _up_to(claim, row)
            longer = f"{parked.reason}; {reason}"
            connection.execute(
                update(exceptions).where(_has_id(parked.entry_id)).values(reason=longer)
            )
        elif head is not None:
            entry, leaving = head, 1
            if known.has(head):
                parked = find_parked_trade(connection, row.partition_key, head.epoch, head.position)
                if parked is None:
                    return self.audited(connection, request, now, _ended_before(head), head)
            else:
                number = head.submission.sequence_number
                task_id = task_id_of(request)
                row_of_head = exception_row(head, Outcome.PARKED, reason, task_id, now, number)
                written.exceptions.append(row_of_head)
                written.outbox += outbox_rows(head.submission, Outcome.PARKED, now)
        else:
            return ActionResult(
                False, f"no trade waits in {request.partition_key}: nothing to skip"
            )
        if entry.submission.sequence_number == row.upstream + 1:
            judge.reach(row.upstream + 1)
        judge.finish()
        self._transaction.write(connection, written)
        deed = ActionResult(
            True,
            f"trade {entry.submission.trade_id} is skipped; it stays parked",
            entry.submission.trade_id,
            Outcome.PARKED,
            judge.outcomes[Outcome.CAPTURED],
            leaving,
            judge.upstream,
        )
        return self.audited(connection, request, now, deed, entry)

    def failed(
        self, connection: Connection, request: ActionRequest, error: str, now: datetime
    ) -> ActionResult:
        """Note that a retry has failed: the partition stays halted, for the newest reason."""
        row = self.lock(connection, request, now)
        parked = find_halting_trade(connection, row)
        if parked is None:
            return _overtaken(request)  # by another operator, who has retried or skipped it
        self.update(connection, row._replace(halted_reason=error, updated_at=now))
        deed = ActionResult(False, f"it still cannot be captured: {error}")
        return self.audited(connection, request, now, deed, entry_of(parked))


def _running(row: PartitionRow, claim: Claim) -> PartitionRow:
    """Return the row of a halted partition as it goes on."""
    return row._replace(
        fence=claim.fence, halted_epoch=None, halted_position=None, halted_reason=None
    )


def _up_to(claim: Claim, row: PartitionRow) -> int:
    """Return how many claimed trades are in the ledger, up to the one that halted it."""
    halted = (row.halted_epoch or 0, row.halted_position or 0)
    (claimed,) = claim.partitions
    return sum((entry.epoch, entry.position) <= halted for entry in claimed.entries)


def _has_id(entry_id: EntryId) -> ColumnElement[bool]:
    """Return the condition that a row records one acceptance of a trade."""
    return and_(*(exceptions.c[name] == value for name, value in entry_id._asdict().items()))


def _was_recorded(trade_id: str, known: ExistingTrades) -> bool:
    return any(recorded == trade_id for _partition, _epoch, _position, recorded in known.recorded)


def _replayed(entry: Entry) -> Entry:
    """Return a parked trade as the replay that it was: it was recorded before, in another place."""
    submission = structs.replace(entry.submission, replay_of=f"{entry.epoch}:{entry.position}")
    return entry._replace(submission=submission)


def _ended_before(head: Entry) -> ActionResult:
    trade_id = head.submission.trade_id
    message = f"trade {trade_id} is not skipped: the ledger has it already; it leaves the inbox"
    return ActionResult(True, message, trade_id, written=1)


def _overtaken(request: ActionRequest) -> ActionResult:
    return ActionResult(
        False, f"a worker has claimed {request.partition_key} meanwhile: look, and try again"
    )


class PartitionDeeds(Deeds):
    """Deeds that need no claim."""

    def pause(self, connection: Connection, request: ActionRequest, now: datetime) -> ActionResult:
        """Capture nothing more of a partition once this is committed; accepting goes on."""
        row = self.lock(connection, request, now)
        reason = Hold.by_operator(request.who, request.why).note
        self.update(connection, row._replace(paused_reason=reason, updated_at=now))
        before = f"; it was paused before by {row.paused_reason}" if row.paused_reason else ""
        return self.audited(
            connection,
            request,
            now,
            ActionResult(True, f"{request.partition_key} is paused{before}"),
        )

    def resume(self, connection: Connection, request: ActionRequest, now: datetime) -> ActionResult:
        """End a pause. A halt stays: its trade is retried or skipped."""
        row = self.lock(connection, request, now)
        if row.halted_reason is not None and row.paused_reason is None:
            return ActionResult(
                False,
                f"{request.partition_key} is halted by a parked trade at position "
                f"{row.halted_position} ({row.halted_reason}): retry or skip that",
            )
        self.update(connection, row._replace(paused_reason=None, updated_at=now))
        halted = "; a parked trade halts it still" if row.halted_reason is not None else ""
        deed = ActionResult(True, f"{request.partition_key} is not paused any more{halted}")
        return self.audited(connection, request, now, deed)

    def release(
        self, connection: Connection, request: ActionRequest, now: datetime
    ) -> ActionResult:
        """Wait no longer for the numbers that are missing below the lowest buffered one."""
        row = self.lock(connection, request, now)
        if not row.buffered:
            return ActionResult(
                False, f"no trade of {request.partition_key} is buffered: nothing to release"
            )
        if row.halted_reason is not None or row.paused_reason is not None:
            return ActionResult(
                False, f"{request.partition_key} is held: resume it first, then release"
            )
        judge, _known, written = self.judge(connection, row, [], request, now)
        missing = f"{row.upstream + 1} to {judge.lowest_buffered - 1}"
        judge.reach(judge.lowest_buffered - 1)
        judge.finish()
        self._transaction.write(connection, written)
        captured = judge.outcomes[Outcome.CAPTURED]
        deed = ActionResult(
            True,
            f"numbers {missing} count as passed; {captured} buffered trades are captured",
            captured=captured,
            upstream=judge.upstream,
        )
        return self.audited(connection, request, now, deed)


class Operating(PartitionDeeds, HeadDeeds):
    """Everything that an operator may do."""

    def perform(
        self,
        connection: Connection,
        request: ActionRequest,
        now: datetime,
        claim: Claim | None,
        head: Entry | None,
    ) -> ActionResult:
        """Do what is asked for.

        Args:
            connection: of the transaction.
            request: of the operator.
            now: when this happens, in UTC.
            claim: of the partition; needed to retry and to skip.
            head: the oldest trade that waits; skipped if no parked trade halts the partition.

        Raises:
            ValueError: it is not done to one partition, or needs a claim.
            Exception: a retried trade still cannot be captured; nothing was changed.
        """
        match request.action:
            case Action.PAUSE:
                return self.pause(connection, request, now)
            case Action.RESUME:
                return self.resume(connection, request, now)
            case Action.RELEASE:
                return self.release(connection, request, now)
            case Action.RETRY if claim is not None:
                return self.retry(connection, request, claim, now)
            case Action.SKIP if claim is not None:
                return self.skip(connection, request, claim, head, now)
            case _:
                raise ValueError(f"{request.action} is not done to a partition's row alone")


class OperatorLedger(Ledger):
    """A ledger that operators can act on, too."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._operating = Operating(self._transaction, self.dialect)

    def perform(
        self,
        request: ActionRequest,
        clock: Clock,
        *,
        claim: Claim | None = None,
        head: Entry | None = None,
        dry_run: bool = False,
    ) -> ActionResult:
        """Do what an operator asks for, and write it into the audit, in one transaction.

        Args:
            request: of the operator.
            clock: the time, in UTC.
            claim: of the partition; needed to retry and to skip.
            head: the oldest trade that waits; skipped if no parked trade halts the partition.
            dry_run: do it, look at what came of it, and roll it back.

        Raises:
            LedgerUnavailableError: the database did not answer in time; try again later.
        """
        doing, now = self._operating, clock()
        tried: list[ActionResult] = []

        def work(connection: Connection) -> ActionResult:
            if tried and doing.is_done(connection, request, now):
                return tried[-1]  # its commit's answer was lost; done twice it would be two deeds
            deed = doing.perform(connection, request, now, claim, head)
            if dry_run:
                connection.rollback()
            else:
                tried.append(deed)
            return deed

        try:
            return self._retried(work)
        except LedgerUnavailableError:
            raise
        except Exception as error:
            if request.action is not Action.RETRY:
                raise
            reason = reason_of(error)
        if dry_run:
            return ActionResult(False, f"it still cannot be captured: {reason}")
        return self._retried(lambda connection: doing.failed(connection, request, reason, clock()))

    def audit(self, rows: list[AuditRow]) -> None:
        """Write audit rows for what operators do elsewhere.

        Raises:
            LedgerUnavailableError: the database did not answer in time; try again later.
        """
        self._retried(lambda connection: self._operating.audit(connection, rows))
