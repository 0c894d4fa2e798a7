"""Replay: parked and rejected trades are accepted again, at the tail, and judged anew.

A replay is a new acceptance: it gets a position of its own, so that order and accounts stay right,
and the row of the old one stays as it is. The same replay twice is one.
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
from tradecapture.operations.action import Action
from tradecapture.operations.transactions import OperatorLedger
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.receipt import Answer, Receipt
from tradecapture.trades.submission import Submission


class ReplayState(StrEnum):
    """What becomes, or would become, of a recorded trade when it is replayed."""

    READY = "to be accepted again"
    ACCEPTED = "accepted again"
    REPEATED = "accepted again before"
    REFUSED = "not accepted, try again"
    CAPTURED = "captured meanwhile"
    CONFLICT = "its id is captured with other content: submit it under a new id"
    HALTS = "it halts its partition: retry or skip it"
    SUPERSEDED = "recorded again later: that one counts"


class Replayed(NamedTuple):
    """A recorded trade and its replay."""

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
        """Say what would become of recorded trades, which are given in their order.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database is out of reach.
        """
        captured = self._reader.captured_digests([row.trade_id for row in rows])
        halts = self._reader.halts()
        newest = self._reader.newest_places([row.trade_id for row in rows])
        return [Replayed(row, _state(row, newest, captured, halts)) for row in rows]

    def run(self, plan: Sequence[Replayed], who: str, why: str) -> list[Replayed]:
        """Accept the trades that are ready, in their order, and note it in the audit.

        Raises:
            LedgerUnavailableError: the audit could not be written; nothing was accepted.
        """
        ready = [replayed.row for replayed in plan if replayed.state is ReplayState.READY]
        if ready:
            now = self._inbox.now()
            self._ledger.audit([_audit_row(row, who, why, now) for row in ready])
        acceptance = self._inbox.accept([_submission(row) for row in ready])
        self._bell.ring(acceptance.ring)
        answers = iter(acceptance.answers)
        return [
            _answered(replayed, next(answers)) if replayed.state is ReplayState.READY else replayed
            for replayed in plan
        ]


def _state(
    row: ExceptionRow,
    newest: Mapping[tuple[str, str], EntryId],
    captured: dict[str, str],
    halts: dict[PartitionKey, tuple[int, int]],
) -> ReplayState:
    if row.trade_id in captured:
        same = captured[row.trade_id] == row.digest
        return ReplayState.CAPTURED if same else ReplayState.CONFLICT
    if halts.get(row.partition_key) == (row.epoch, row.position):
        return ReplayState.HALTS
    # A row that was retried away meanwhile is the newest of none; the ledger will tell.
    is_newest = newest.get((row.trade_id, row.digest), row.entry_id) == row.entry_id
    return ReplayState.READY if is_newest else ReplayState.SUPERSEDED


def _submission(row: ExceptionRow) -> Submission:
    place = f"{row.epoch}:{row.position}"
    return structs.replace(entry_of(row).submission, replay_of=place)


def _answered(replayed: Replayed, answer: Answer) -> Replayed:
    if not isinstance(answer, Receipt):
        return replayed._replace(state=ReplayState.REFUSED, message=answer.message)
    state = ReplayState.REPEATED if answer.duplicate else ReplayState.ACCEPTED
    return replayed._replace(state=state, message=f"at position {answer.position}")


def _audit_row(row: ExceptionRow, who: str, why: str, now: datetime) -> AuditRow:
    return AuditRow(
        done_at=now,
        who=who,
        action=Action.REPLAY.value,
        partition_key=row.partition_key,
        trade_id=row.trade_id,
        epoch=row.epoch,
        position=row.position,
        why=why,
        result="is to be accepted again, at the tail",
    )


PAGE_TRADES = 200  # in memory at once, whole: at most 50 MiB with trades of 256 KiB


class ReplayRequest(NamedTuple):
    """What to do with the recorded trades that fit."""

    limit: int | None  # trades to replay, at most
    who: str
    why: str
    really: bool  # False: only say what would become of each


def replay_pages(
    replay: Replay, ledger: OperatorReader, wanted: ExceptionFilter, order: ReplayRequest
) -> Iterator[list[Replayed]]:
    """Yield what became of recorded trades, a page at a time, in the order of their acceptance.

    Ends early where some were not accepted: those behind them must not overtake.

    Raises:
        LedgerUnavailableError, sqlalchemy.exc.SQLAlchemyError: the database is out of reach; the
            pages before are done, and the same order again does the rest.
    """
    left = order.limit
    for rows in _pages(ledger, wanted):
        plan = replay.plan(rows)
        if left is not None:
            plan = _up_to(plan, left)
            left -= sum(replayed.state is ReplayState.READY for replayed in plan)
        page = replay.run(plan, order.who, order.why) if order.really else plan
        yield page
        if left == 0 or any(replayed.state is ReplayState.REFUSED for replayed in page):
            return


def _pages(ledger: OperatorReader, wanted: ExceptionFilter) -> Iterator[list[ExceptionRow]]:
    while rows := ledger.exceptions_like(wanted, PAGE_TRADES):
        yield rows
        wanted = wanted._replace(after=rows[-1].entry_id)


def _up_to(plan: list[Replayed], ready: int) -> list[Replayed]:
    """Return a plan up to the place where so many of its trades are ready."""
    kept = []
    for replayed in plan:
        if replayed.state is ReplayState.READY:
            ready -= 1
            if ready < 0:
                break
        kept.append(replayed)
    return kept
