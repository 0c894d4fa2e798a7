"""Operator transactions: an action and its audit row are one; what is not done changes nothing."""

from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tests.support.builders import PARTITION, broken, entry, submission
from tests.support.ledger.ledger_snapshot import (
    capture,
    exception_rows,
    partition_row,
    shares,
    waiting_trades,
)
from tests.support.ledger.operators import (
    LATER,
    READY,
    WHO,
    WHY,
    action_request,
    audit_rows,
    paused,
    perform,
    tables,
    two_captured,
)
from tests.support.ledger.sequence_numbers import arrive
from tradecapture.ledger import AuditRow, PartitionResult
from tradecapture.operations.action import Action, ActionResult
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.operations.transactions import OperatorTransactions
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome

ACTIONS = list(READY)


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_has_one_audit_row(ledger: OperatorLedger, action: Action) -> None:
    """The row has who, when, what, why and the result, and the trade if there is one."""
    READY[action](ledger)
    before = audit_rows(ledger)
    result = perform(ledger, action)
    assert result.done, result.message
    *earlier, row = audit_rows(ledger)
    assert earlier == before
    assert (row.done_at, row.who, row.action) == (LATER, WHO, action.value)
    assert (row.partition_key, row.why, row.result) == (PARTITION, WHY, result.message)
    about = "T-3" if action in (Action.RETRY, Action.SKIP) else None
    assert (row.trade_id, result.trade_id) == (about, about)
    assert row.position == (3 if about else None)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_dry_run_changes_no_table(ledger: OperatorLedger, action: Action) -> None:
    """A dry run gives the same result in the same words."""
    READY[action](ledger)
    before = tables(ledger)
    dry = perform(ledger, action, dry_run=True)
    assert tables(ledger) == before
    assert dry == perform(ledger, action)


def test_a_dry_run_makes_no_partition(ledger: OperatorLedger) -> None:
    """A dry run on a partition that the ledger does not have leaves every table empty."""
    assert perform(ledger, Action.PAUSE, dry_run=True).done
    assert all(rows == [] for rows in tables(ledger).values())


@pytest.mark.parametrize("action", ACTIONS)
def test_what_cannot_be_audited_is_not_done(
    ledger: OperatorLedger, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the audit row cannot be written, the action is rolled back."""
    READY[action](ledger)
    before = tables(ledger)

    def refuse(_self: OperatorTransactions, _connection: Connection, _rows: list[AuditRow]) -> None:
        raise ValueError("the audit is full")

    with monkeypatch.context() as patch:
        patch.setattr(OperatorTransactions, "audit", refuse)
        with pytest.raises(ValueError, match="audit is full"):
            perform(ledger, action)
    assert tables(ledger) == before
    assert perform(ledger, action).done


class _AnswerLost(OperatorLedger):
    """A ledger that loses the answer to its first commit."""

    loses_answer = True

    def _once(self, work: Any) -> Any:
        result = super()._once(work)
        if self.loses_answer:
            self.loses_answer = False
            raise PoolTimeoutError("the answer to COMMIT is lost")
        return result


@pytest.mark.parametrize("action", ACTIONS)
def test_a_commit_whose_answer_was_lost_is_one_action(
    ledger: OperatorLedger, ledger_settings: Settings, action: Action
) -> None:
    """The next attempt finds the action in the audit, and gives the result of the first."""
    READY[action](ledger)
    audited, waiting = len(audit_rows(ledger)), waiting_trades(1, first=4)
    expected = perform(ledger, action, *waiting, head=waiting[0], dry_run=True)
    losing = _AnswerLost(ledger_settings)
    try:
        assert perform(losing, action, *waiting, head=waiting[0]) == expected
    finally:
        losing.dispose()
    assert not losing.loses_answer
    assert len(audit_rows(ledger)) == audited + 1
    assert "BOOK1-4" not in str(tables(ledger))


def test_nothing_is_captured_in_a_paused_partition(ledger: OperatorLedger) -> None:
    """A capture is told who paused the partition and why; after a resume the capture works."""
    paused(ledger)
    waiting = waiting_trades(2, first=3)
    (result,) = capture(ledger, *waiting, fence=2)
    assert (result.trades, result.outcomes, result.hold) == (0, {}, "")
    assert result.pause is not None
    assert (result.pause.who, result.pause.why) == (WHO, WHY)
    assert perform(ledger, Action.RESUME).done
    (result,) = capture(ledger, *waiting, fence=3)
    assert result == PartitionResult(PARTITION, 2, {Outcome.CAPTURED: 2})


def test_a_pause_of_a_paused_partition_says_so(ledger: OperatorLedger) -> None:
    """The newest pause replaces the older one."""
    paused(ledger)
    result = ledger.perform(
        action_request(Action.PAUSE)._replace(who="bob", why="mine"), lambda: LATER
    )
    assert result.message.endswith(f"it was paused before by {WHO}: {WHY}")
    assert partition_row(ledger).paused_reason == "bob: mine"


def test_a_resume_does_not_end_a_halt(ledger: OperatorLedger) -> None:
    """It says what ends the halt; if the partition is paused too, it ends only the pause."""
    READY[Action.RETRY](ledger)
    before = tables(ledger)
    result = perform(ledger, Action.RESUME)
    assert (result.done, result.message.endswith("retry or skip that trade")) == (False, True)
    assert tables(ledger) == before
    perform(ledger, Action.PAUSE)
    assert perform(ledger, Action.RESUME).message.endswith("a parked trade still halts it")
    row = partition_row(ledger)
    assert (row.paused_reason, row.halted_position) == (None, 3)


@pytest.mark.parametrize("action", [Action.RETRY, Action.SKIP, Action.RELEASE])
def test_what_cannot_be_done_changes_nothing(ledger: OperatorLedger, action: Action) -> None:
    """The result says why, and the audit has no row."""
    two_captured(ledger)
    before = tables(ledger)
    result = perform(ledger, action)
    assert (result.done, "nothing to" in result.message) == (False, True)
    assert tables(ledger) == before


def test_a_held_partition_is_not_released(ledger: OperatorLedger) -> None:
    """Order first: the hold must end before a gap is released."""
    arrive(ledger, 1, 3)
    perform(ledger, Action.PAUSE)
    before = tables(ledger)
    assert perform(ledger, Action.RELEASE) == ActionResult(
        False, f"{PARTITION} is held: end its pause or halt first, then release"
    )
    assert tables(ledger) == before


def test_a_pause_leaves_the_holding_and_the_fence(ledger: OperatorLedger) -> None:
    """So a worker that is in the middle of a batch is not refused by its fence."""
    two_captured(ledger)
    before = partition_row(ledger)
    perform(ledger, Action.PAUSE)
    perform(ledger, Action.RESUME)
    assert partition_row(ledger) == before._replace(updated_at=LATER)


def test_actions_outside_the_ledger_are_audited(ledger: OperatorLedger) -> None:
    """Replays get one row each, in the order given."""
    rows = [
        AuditRow(LATER, WHO, "replay", PARTITION, f"T-{n}", 1, n, WHY, "is to be accepted again")
        for n in (1, 2)
    ]
    ledger.audit(rows)
    assert audit_rows(ledger) == rows


def test_a_skipped_head_is_parked_with_who_and_why(ledger: OperatorLedger) -> None:
    """In a paused partition a skipped head may leave the inbox, and the next trade is captured."""
    paused(ledger)
    head, waiting = entry(submission("T-3"), 3), waiting_trades(1, first=4)
    result = perform(ledger, Action.SKIP, head, *waiting, head=head)
    assert (result.trade_id, result.outcome, result.completed) == ("T-3", Outcome.PARKED, 1)
    (row,) = exception_rows(ledger)
    assert (row.position, row.outcome, row.reason) == (3, "PARKED", f"skipped by {WHO}: {WHY}")
    assert perform(ledger, Action.RESUME).done
    assert capture(ledger, *waiting, fence=20)[0].outcomes == {Outcome.CAPTURED: 1}
    assert shares(ledger) == 3000


def test_a_skipped_head_that_the_ledger_has_only_leaves_the_inbox(ledger: OperatorLedger) -> None:
    """A worker captured the head and died before it completed: the head is not parked."""
    paused(ledger)
    (head, *_rest) = waiting_trades(2)
    before = tables(ledger)["exceptions"]
    result = perform(ledger, Action.SKIP, head, head=head)
    assert (result.done, result.completed, result.outcome) == (True, 1, None)
    assert "the ledger has it already" in result.message
    assert tables(ledger)["exceptions"] == before == []


def test_a_trade_that_cannot_be_read_as_json_can_be_skipped(ledger: OperatorLedger) -> None:
    """A skip does not decode the document."""
    paused(ledger)
    head = entry(broken("T-3", "BOOK1"), 3)
    assert perform(ledger, Action.SKIP, head, head=head).outcome is Outcome.PARKED
