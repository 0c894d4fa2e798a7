"""Pause, resume, release: what an operator does to a whole partition."""

from datetime import datetime

from sqlalchemy import Connection

from tradecapture.inbox import Hold
from tradecapture.ledger.operating.action import Deed, Request
from tradecapture.ledger.operating.deeds import Deeds
from tradecapture.outcome import Outcome


class PartitionDeeds(Deeds):
    """Deeds that need no claim."""

    def pause(self, connection: Connection, request: Request, now: datetime) -> Deed:
        """Capture nothing more of a partition once this is committed; accepting goes on."""
        row = self.lock(connection, request, now)
        reason = Hold.pause(request.who, request.why).note
        self.update(connection, row._replace(paused_reason=reason, updated_at=now))
        before = f"; it was paused before by {row.paused_reason}" if row.paused_reason else ""
        return self.audited(
            connection, request, now, Deed(True, f"{request.partition} is paused{before}")
        )

    def resume(self, connection: Connection, request: Request, now: datetime) -> Deed:
        """End a pause. A halt stays: its trade is retried or skipped."""
        row = self.lock(connection, request, now)
        if row.halted_reason is not None and row.paused_reason is None:
            return Deed(
                False,
                f"{request.partition} is halted by a parked trade at position "
                f"{row.halted_position} ({row.halted_reason}): retry or skip that",
            )
        self.update(connection, row._replace(paused_reason=None, updated_at=now))
        halted = "; a parked trade halts it still" if row.halted_reason is not None else ""
        deed = Deed(True, f"{request.partition} is not paused any more{halted}")
        return self.audited(connection, request, now, deed)

    def release(self, connection: Connection, request: Request, now: datetime) -> Deed:
        """Wait no longer for the numbers that are missing below the lowest buffered one."""
        row = self.lock(connection, request, now)
        if not row.buffered:
            return Deed(False, f"no trade of {request.partition} is buffered: nothing to release")
        if row.halted_reason is not None or row.paused_reason is not None:
            return Deed(False, f"{request.partition} is held: resume it first, then release")
        judge, _known, written = self.judge(connection, row, [], request, now)
        missing = f"{row.upstream + 1} to {judge.lowest_buffered - 1}"
        judge.reach(judge.lowest_buffered - 1)
        judge.finish()
        self._transaction.write(connection, written)
        captured = judge.outcomes[Outcome.CAPTURED]
        deed = Deed(
            True,
            f"numbers {missing} count as passed; {captured} buffered trades are captured",
            captured=captured,
            upstream=judge.upstream,
        )
        return self.audited(connection, request, now, deed)
