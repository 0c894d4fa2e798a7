"""Retry and skip: what an operator does to the trade at the head of a held partition."""

from datetime import datetime

from msgspec import structs
from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from tradecapture.inbox import Claim, Entry
from tradecapture.ledger.known import Known
from tradecapture.ledger.new_rows import entry_of, exception_row, outbox_rows
from tradecapture.ledger.operating.action import Deed, Request
from tradecapture.ledger.operating.deeds import Deeds, task_id_of
from tradecapture.ledger.rows import ExceptionRow, PartitionRow
from tradecapture.ledger.tables import exceptions
from tradecapture.outcome import Outcome


class HeadDeeds(Deeds):
    """Deeds under a claim: with the lock, the lease and the fence of a worker."""

    def retry(self, connection: Connection, request: Request, claim: Claim, now: datetime) -> Deed:
        """Judge the parked trade that halts a partition again, in its own place.

        Raises:
            Exception: it still cannot be captured; nothing was changed.
        """
        row = self.lock(connection, request, now)
        if row.fence > claim.fence:
            return _overtaken(request)
        parked = self._parked(connection, row)
        if parked is None:
            return Deed(False, f"no parked trade halts {request.partition}: nothing to retry")
        connection.execute(delete(exceptions).where(_place_of(parked)))
        entry = entry_of(parked)
        ids = [parked.trade_id]
        judge, known, written = self.judge(connection, _running(row, claim), ids, request, now)
        judge.judge(_replayed(entry) if _was_recorded(parked.trade_id, known) else entry)
        judge.finish()
        self._transaction.write(connection, written)
        outcome = next(iter(judge.outcomes))
        captured = judge.outcomes[Outcome.CAPTURED]
        deed = Deed(
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
        request: Request,
        claim: Claim,
        head: Entry | None,
        now: datetime,
    ) -> Deed:
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
        parked = self._parked(connection, row)
        if parked is not None:
            entry, leaving = entry_of(parked), _up_to(claim, row)
            longer = f"{parked.reason}; {reason}"
            connection.execute(update(exceptions).where(_place_of(parked)).values(reason=longer))
        elif head is not None:
            entry, leaving = head, 1
            if known.has(head):
                if (
                    self._parked_at(connection, row.partition_key, head.epoch, head.position)
                    is None
                ):
                    return self.audited(connection, request, now, _ended_before(head), head)
            else:
                number = head.submission.sequence_number
                task_id = task_id_of(request)
                row_of_head = exception_row(head, Outcome.PARKED, reason, task_id, now, number)
                written.exceptions.append(row_of_head)
                written.outbox += outbox_rows(head.submission, Outcome.PARKED, now)
        else:
            return Deed(False, f"no trade waits in {request.partition}: nothing to skip")
        if entry.submission.sequence_number == row.upstream + 1:
            judge.reach(row.upstream + 1)
        judge.finish()
        self._transaction.write(connection, written)
        deed = Deed(
            True,
            f"trade {entry.submission.trade_id} is skipped; it stays parked",
            entry.submission.trade_id,
            Outcome.PARKED,
            judge.outcomes[Outcome.CAPTURED],
            leaving,
            judge.upstream,
        )
        return self.audited(connection, request, now, deed, entry)

    def failed(self, connection: Connection, request: Request, error: str, now: datetime) -> Deed:
        """Note that a retry has failed: the partition stays halted, for the newest reason."""
        row = self.lock(connection, request, now)
        parked = self._parked(connection, row)
        if parked is None:
            return _overtaken(request)  # by another operator, who has retried or skipped it
        self.update(connection, row._replace(halted_reason=error, updated_at=now))
        deed = Deed(False, f"it still cannot be captured: {error}")
        return self.audited(connection, request, now, deed, entry_of(parked))

    def _parked(self, connection: Connection, row: PartitionRow) -> ExceptionRow | None:
        """Return the parked trade that halts a partition, if one does."""
        if row.halted_epoch is None or row.halted_position is None:
            return None
        return self._parked_at(connection, row.partition_key, row.halted_epoch, row.halted_position)

    def _parked_at(
        self, connection: Connection, partition: str, epoch: int, position: int
    ) -> ExceptionRow | None:
        found = connection.execute(
            select(*(exceptions.c[name] for name in ExceptionRow._fields)).where(
                exceptions.c.partition_key == partition,
                exceptions.c.epoch == epoch,
                exceptions.c.position == position,
                exceptions.c.outcome == Outcome.PARKED.value,
            )
        ).first()
        return None if found is None else ExceptionRow._make(found)


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


def _place_of(row: ExceptionRow) -> ColumnElement[bool]:
    return and_(
        exceptions.c.partition_key == row.partition_key,
        exceptions.c.epoch == row.epoch,
        exceptions.c.position == row.position,
        exceptions.c.trade_id == row.trade_id,
    )


def _was_recorded(trade_id: str, known: Known) -> bool:
    return any(recorded == trade_id for _partition, _epoch, _position, recorded in known.recorded)


def _replayed(entry: Entry) -> Entry:
    """Return a parked trade as the replay that it was: it was recorded before, in another place."""
    submission = structs.replace(entry.submission, replay_of=f"{entry.epoch}:{entry.position}")
    return entry._replace(submission=submission)


def _ended_before(head: Entry) -> Deed:
    trade_id = head.submission.trade_id
    message = f"trade {trade_id} is not skipped: the ledger has it already; it leaves the inbox"
    return Deed(True, message, trade_id, written=1)


def _overtaken(request: Request) -> Deed:
    return Deed(False, f"a worker has claimed {request.partition} meanwhile: look, and try again")
