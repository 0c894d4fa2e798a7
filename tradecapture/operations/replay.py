"""Replay: accepts parked and rejected trades again, at the end of their partitions.

A replay is a new acceptance with a new position, so order and reconciliation stay right. The row
of the first acceptance stays as it is. Replaying twice is harmless: the second is a duplicate.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from msgspec import structs

from tradecapture.capture.bell import Bell
from tradecapture.inbox import Inbox
from tradecapture.ledger import AuditRow, ExceptionRow
from tradecapture.ledger.queries.operator_reader import ExceptionFilter, OperatorReader
from tradecapture.ledger.rows import EntryId, entry_of
from tradecapture.operations.action import Action, ActionRequest, audit_row
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.receipt import Answer, Receipt
from tradecapture.trades.submission import Submission

PAGE_TRADES = 200  # in memory at once, whole: at most 50 MiB with trades of 256 KiB


class ReplayState(StrEnum):
    """What becomes of a recorded trade in a replay, or would become of it in a dry run."""

    READY = "to be accepted again"
    ACCEPTED = "accepted again"
    REPEATED = "accepted again before"
    REFUSED = "not accepted, try again"
    CAPTURED = "captured already"
    CONFLICT = "a different trade with its id is captured: submit it under a new id"
    HALTS = "it halts its partition: retry or skip it"
    SUPERSEDED = "recorded again later: that record counts"


class Replayed(NamedTuple):
    """A recorded trade, and what becomes of it."""

    row: ExceptionRow
    state: ReplayState
    message: str = ""


class Replay:
    """Replays recorded trades."""

    def __init__(
        self, inbox: Inbox, reader: OperatorReader, ledger: OperatorLedger, bell: Bell
    ) -> None:
        self._inbox, self._reader, self._ledger, self._bell = inbox, reader, ledger, bell

    def plan(self, rows: Sequence[ExceptionRow]) -> list[Replayed]:
        """Return what would become of recorded trades, in the order given.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database is unreachable.
        """
        ids = [row.trade_id for row in rows]
        captured = self._reader.captured_digests(ids)
        halts = self._reader.halts()
        newest = self._reader.newest_entry_ids(ids)
        return [Replayed(row, _state(row, newest, captured, halts)) for row in rows]

    def run(self, plan: Sequence[Replayed], who: str, why: str) -> list[Replayed]:
        """Write the audit, then accept the trades that are ready, in the order of the plan.

        Raises:
            LedgerUnavailableError: the audit could not be written; nothing was accepted.
        """
        ready = [replayed.row for replayed in plan if replayed.state is ReplayState.READY]
        if ready:
            now = self._inbox.now()
            self._ledger.audit([_audit_row(row, who, why, now) for row in ready])
        acceptance = self._inbox.accept([_submission(row) for row in ready])
        self._bell.ring(acceptance.lanes_to_ring)
        answers = iter(acceptance.answers)
        return [
            _accepted(replayed, next(answers)) if replayed.state is ReplayState.READY else replayed
            for replayed in plan
        ]


class ReplayRequest(NamedTuple):
    """What to do with the recorded trades that fit a filter."""

    limit: int | None  # of the trades to replay; None: all
    who: str
    why: str
    dry_run: bool  # only return what would become of each trade


def replay_pages(
    replay: Replay, reader: OperatorReader, trades: ExceptionFilter, request: ReplayRequest
) -> Iterator[list[Replayed]]:
    """Replay recorded trades page by page, in the order of their acceptance; yield each page.

    Ends after a page in which trades were not accepted: later trades must not overtake them.

    Raises:
        LedgerUnavailableError, sqlalchemy.exc.SQLAlchemyError: the database is unreachable. The
            pages before are done, and the same request again does the rest.
    """
    left = request.limit
    for rows in _pages(reader, trades):
        plan = replay.plan(rows)
        if left is not None:
            plan = _up_to(plan, left)
            left -= sum(replayed.state is ReplayState.READY for replayed in plan)
        page = plan if request.dry_run else replay.run(plan, request.who, request.why)
        yield page
        if left == 0 or any(replayed.state is ReplayState.REFUSED for replayed in page):
            return


def _pages(reader: OperatorReader, trades: ExceptionFilter) -> Iterator[list[ExceptionRow]]:
    while rows := reader.find_exceptions(trades, PAGE_TRADES):
        yield rows
        trades = trades._replace(after=rows[-1].entry_id)


def _up_to(plan: list[Replayed], max_ready: int) -> list[Replayed]:
    """Cut a plan before the first trade that is ready and exceeds the limit."""
    kept = []
    for replayed in plan:
        if replayed.state is ReplayState.READY:
            max_ready -= 1
            if max_ready < 0:
                break
        kept.append(replayed)
    return kept


def _state(
    row: ExceptionRow,
    newest: Mapping[tuple[str, str], EntryId],
    captured: Mapping[str, str],
    halts: Mapping[PartitionKey, tuple[int, int]],
) -> ReplayState:
    if row.trade_id in captured:
        is_same = captured[row.trade_id] == row.digest
        return ReplayState.CAPTURED if is_same else ReplayState.CONFLICT
    if halts.get(row.partition_key) == (row.epoch, row.position):
        return ReplayState.HALTS
    # If the row was retried since it was read, no newest one is found. The trade is captured then,
    # and the ledger calls its replay a duplicate.
    is_newest = newest.get((row.trade_id, row.digest), row.entry_id) == row.entry_id
    return ReplayState.READY if is_newest else ReplayState.SUPERSEDED


def _submission(row: ExceptionRow) -> Submission:
    replay_of = f"{row.epoch}:{row.position}"
    return structs.replace(entry_of(row).submission, replay_of=replay_of)


def _accepted(replayed: Replayed, answer: Answer) -> Replayed:
    if not isinstance(answer, Receipt):
        return replayed._replace(state=ReplayState.REFUSED, message=answer.message)
    state = ReplayState.REPEATED if answer.duplicate else ReplayState.ACCEPTED
    return replayed._replace(state=state, message=f"at position {answer.position}")


def _audit_row(row: ExceptionRow, who: str, why: str, now: datetime) -> AuditRow:
    request = ActionRequest(Action.REPLAY, row.partition_key, who, why)
    return audit_row(
        request,
        now,
        "is to be accepted again, at the end of its partition",
        trade_id=row.trade_id,
        epoch=row.epoch,
        position=row.position,
    )
