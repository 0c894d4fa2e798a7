"""Operating: each deed and its audit row are one transaction; what is not done changes nothing."""

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
    ask,
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
def test_a_deed_has_one_audit_row(ledger: OperatorLedger, action: Action) -> None:
    """Who, when, what, why and what came of it; the trade too, if it was about one."""
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
    """It says what would come of it, in the same words."""
    READY[action](ledger)
    before = tables(ledger)
    dry = perform(ledger, action, dry_run=True)
    assert tables(ledger) == before
    assert dry == perform(ledger, action)


def test_a_dry_run_makes_no_partition(ledger: OperatorLedger) -> None:
    """Of a partition of which the ledger has nothing yet."""
    assert perform(ledger, Action.PAUSE, dry_run=True).done
    assert all(rows == [] for rows in tables(ledger).values())


@pytest.mark.parametrize("action", ACTIONS)
def test_what_cannot_be_audited_is_not_done(
    ledger: OperatorLedger, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: neither the deed nor the row is there."""
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
    """A ledger that does not hear of its first commit."""

    deaf = True

    def _once(self, work: Any) -> Any:
        result = super()._once(work)
        if self.deaf:
            self.deaf = False
            raise PoolTimeoutError("the answer to COMMIT is lost")
        return result


@pytest.mark.parametrize("action", ACTIONS)
def test_a_commit_whose_answer_was_lost_is_one_deed(
    ledger: OperatorLedger, ledger_settings: Settings, action: Action
) -> None:
    """The next attempt finds it in the audit: it skips no second trade, and denies nothing."""
    READY[action](ledger)
    audited, behind = len(audit_rows(ledger)), waiting_trades(1, first=4)
    expected = perform(ledger, action, *behind, head=behind[0], dry_run=True)
    deaf = _AnswerLost(ledger_settings)
    try:
        assert perform(deaf, action, *behind, head=behind[0]) == expected
    finally:
        deaf.dispose()
    assert not deaf.deaf
    assert len(audit_rows(ledger)) == audited + 1
    assert "BOOK1-4" not in str(tables(ledger))


def test_nothing_is_captured_in_a_paused_partition(ledger: OperatorLedger) -> None:
    """Whoever claims it learns who has paused it, and why; resumed, it goes on."""
    paused(ledger)
    behind = waiting_trades(2, first=3)
    (verdict,) = capture(ledger, *behind, fence=2)
    assert (verdict.trades, verdict.outcomes, verdict.hold) == (0, {}, "")
    assert verdict.pause is not None
    assert (verdict.pause.who, verdict.pause.why) == (WHO, WHY)
    assert perform(ledger, Action.RESUME).done
    (verdict,) = capture(ledger, *behind, fence=3)
    assert verdict == PartitionResult(PARTITION, 2, {Outcome.CAPTURED: 2})


def test_a_pause_of_a_paused_partition_says_so(ledger: OperatorLedger) -> None:
    """The newest reason counts."""
    paused(ledger)
    result = ledger.perform(ask(Action.PAUSE)._replace(who="bob", why="mine"), lambda: LATER)
    assert result.message.endswith(f"it was paused before by {WHO}: {WHY}")
    assert partition_row(ledger).paused_reason == "bob: mine"


def test_a_resume_does_not_end_a_halt(ledger: OperatorLedger) -> None:
    """It says what does; with a pause on top it ends the pause alone."""
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
    """It says why, and the audit has no row of it."""
    two_captured(ledger)
    before = tables(ledger)
    result = perform(ledger, action)
    assert (result.done, "nothing to" in result.message) == (False, True)
    assert tables(ledger) == before


def test_a_held_partition_is_not_released(ledger: OperatorLedger) -> None:
    """Order first: what holds it comes first."""
    arrive(ledger, 1, 3)
    perform(ledger, Action.PAUSE)
    before = tables(ledger)
    assert perform(ledger, Action.RELEASE) == ActionResult(
        False, f"{PARTITION} is held: end its pause or halt first, then release"
    )
    assert tables(ledger) == before


def test_a_pause_leaves_the_holding_and_the_fence(ledger: OperatorLedger) -> None:
    """A worker that is in the middle of a batch is not overtaken by it."""
    two_captured(ledger)
    before = partition_row(ledger)
    perform(ledger, Action.PAUSE)
    perform(ledger, Action.RESUME)
    assert partition_row(ledger) == before._replace(updated_at=LATER)


def test_what_is_done_elsewhere_is_audited_too(ledger: OperatorLedger) -> None:
    """Replays: a row each, in the order given."""
    rows = [
        AuditRow(LATER, WHO, "replay", PARTITION, f"T-{n}", 1, n, WHY, "is to be accepted again")
        for n in (1, 2)
    ]
    ledger.audit(rows)
    assert audit_rows(ledger) == rows


def test_a_skipped_head_is_parked_with_who_and_why(ledger: OperatorLedger) -> None:
    """In a paused partition; it may leave the inbox, and the next one is captured."""
    paused(ledger)
    head, behind = entry(submission("T-3"), 3), waiting_trades(1, first=4)
    result = perform(ledger, Action.SKIP, head, *behind, head=head)
    assert (result.trade_id, result.outcome, result.written) == ("T-3", Outcome.PARKED, 1)
    (row,) = exception_rows(ledger)
    assert (row.position, row.outcome, row.reason) == (3, "PARKED", f"skipped by {WHO}: {WHY}")
    assert perform(ledger, Action.RESUME).done
    assert capture(ledger, *behind, fence=20)[0].outcomes == {Outcome.CAPTURED: 1}
    assert shares(ledger) == 3000


def test_a_skipped_head_that_the_ledger_has_only_leaves_the_inbox(ledger: OperatorLedger) -> None:
    """A worker captured it and died before it settled: it is not called parked."""
    paused(ledger)
    (head, *_rest) = waiting_trades(2)
    before = tables(ledger)["exceptions"]
    result = perform(ledger, Action.SKIP, head, head=head)
    assert (result.done, result.written, result.outcome) == (True, 1, None)
    assert "the ledger has it already" in result.message
    assert tables(ledger)["exceptions"] == before == []


def test_a_trade_that_cannot_be_read_as_json_can_be_skipped(ledger: OperatorLedger) -> None:
    """Skipping decodes nothing."""
    paused(ledger)
    head = entry(broken("T-3", "BOOK1"), 3)
    assert perform(ledger, Action.SKIP, head, head=head).outcome is Outcome.PARKED
