"""Retry and skip: the trade that halts a partition, the trades after it, and newer claims."""

import pytest

from tests.support.builders import NOW, broken, entry, numbered
from tests.support.ledger.ledger_snapshot import (
    capture,
    exception_rows,
    partition_row,
    waiting_trades,
)
from tests.support.ledger.operators import (
    CAUSE,
    LATER,
    PARKED,
    WHO,
    WHY,
    action_request,
    audit_rows,
    halt,
    halted,
    perform,
    tables,
)
from tests.support.ledger.sequence_numbers import (
    arrive,
    arriving,
    buffered,
    captured_ids,
    captured_numbers,
)
from tradecapture.ledger import LedgerReader
from tradecapture.operations.action import Action, ActionResult
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.trades.lifecycle import Outcome

RETRY, SKIP = Action.RETRY, Action.SKIP


def test_a_retried_trade_is_captured_at_its_own_position(
    ledger: OperatorLedger, reader: LedgerReader
) -> None:
    """It is no longer parked, and the waiting trades are captured after it."""
    halted(ledger)
    result = perform(ledger, RETRY)
    assert result == ActionResult(
        True, "trade T-3 is captured now", "T-3", Outcome.CAPTURED, captured=1, completed=0
    )
    assert exception_rows(ledger) == []
    capture(ledger, *waiting_trades(2, first=4), fence=20)
    assert captured_ids(ledger) == ["BOOK1-1", "BOOK1-2", "T-3", "BOOK1-4", "BOOK1-5"]
    assert (reader.count_inversions(), reader.count_broken_sequences()) == (0, 0)
    assert partition_row(ledger).halted_reason is None


def test_a_skipped_trade_stays_parked_and_says_who_skipped_it(ledger: OperatorLedger) -> None:
    """Its reason has the error and the skip; the trades after it are captured."""
    halted(ledger)
    result = perform(ledger, SKIP)
    assert (result.done, result.outcome, result.captured) == (True, Outcome.PARKED, 0)
    (row,) = exception_rows(ledger)
    assert (row.trade_id, row.outcome) == ("T-3", "PARKED")
    assert row.reason == f"{CAUSE}; skipped by {WHO}: {WHY}"
    assert row.recorded_at == NOW
    capture(ledger, *waiting_trades(1, first=4), fence=20)
    assert captured_ids(ledger) == ["BOOK1-1", "BOOK1-2", "BOOK1-4"]


def test_a_skip_of_the_parked_trade_leaves_the_head_alone(ledger: OperatorLedger) -> None:
    """The parked trade is skipped; the head only waits after it."""
    halted(ledger)
    (head,) = waiting_trades(1, first=4)
    assert perform(ledger, SKIP, head, head=head).trade_id == "T-3"
    assert [row.trade_id for row in exception_rows(ledger)] == ["T-3"]


@pytest.mark.parametrize("action", [RETRY, SKIP])
def test_what_the_ledger_has_may_leave_the_inbox(ledger: OperatorLedger, action: Action) -> None:
    """The worker died before it completed: all up to the parked trade may leave the inbox."""
    halted(ledger)
    waiting = [*waiting_trades(2), PARKED, *waiting_trades(2, first=4)]
    assert perform(ledger, action, *waiting).completed == 3


@pytest.mark.parametrize("action", [RETRY, SKIP])
def test_an_older_claim_does_nothing(ledger: OperatorLedger, action: Action) -> None:
    """A newer claim has written since the operator claimed the partition."""
    halted(ledger)
    before = tables(ledger)
    result = perform(ledger, action, fence=1)
    assert (result.done, "has claimed" in result.message) == (False, True)
    assert tables(ledger) == before
    assert perform(ledger, action, fence=3).done
    assert partition_row(ledger).fence == 3
    (stale,) = capture(ledger, *waiting_trades(1, first=4), fence=2)
    assert stale.stale


def test_a_retry_that_fails_keeps_the_halt_with_the_newest_reason(ledger: OperatorLedger) -> None:
    """The trade stays parked unchanged, and the attempt is audited."""
    parked = entry(broken("T-1", "BOOK1"), 1)
    halt(ledger, parked)
    recorded = exception_rows(ledger)
    dry = perform(ledger, RETRY, dry_run=True)
    assert audit_rows(ledger) == []
    result = perform(ledger, RETRY)
    assert result == dry
    assert not result.done
    assert result.message.startswith("it still cannot be captured: DecodeError: ")
    row = partition_row(ledger)
    assert row.halted_reason is not None
    assert row.halted_reason in result.message
    assert (row.halted_position, row.last_sequence) == (1, 0)
    assert exception_rows(ledger) == recorded
    (audited,) = audit_rows(ledger)
    assert (audited.action, audited.trade_id, audited.result) == ("retry", "T-1", result.message)


def test_a_retry_that_fails_late_halts_nothing_again(ledger: OperatorLedger) -> None:
    """If another operator has skipped the trade by then, the partition goes on."""
    halted(ledger)
    perform(ledger, SKIP)
    before = tables(ledger)
    with ledger.engine.begin() as connection:
        result = ledger._transactions.record_failed_retry(
            connection, action_request(RETRY), "ValueError: late", LATER
        )
    assert not result.done
    assert tables(ledger) == before


def test_retry_captures_the_buffered_followers(
    ledger: OperatorLedger, reader: LedgerReader
) -> None:
    """They are captured as if the trade had been captured at first."""
    arrive(ledger, 1, 3, 4)
    halt(ledger, entry(numbered(2), 4))
    result = perform(ledger, RETRY)
    assert (result.outcome, result.captured, result.upstream_number) == (Outcome.CAPTURED, 3, 4)
    assert (captured_numbers(ledger), buffered(ledger)) == ([1, 2, 3, 4], [])
    assert (reader.count_inversions(), reader.count_broken_sequences()) == (0, 0)


def test_skip_captures_the_buffered_followers(ledger: OperatorLedger) -> None:
    """The skipped trade's number counts as passed."""
    arrive(ledger, 1, 3, 4, 6)
    halt(ledger, entry(numbered(2), 5))
    result = perform(ledger, SKIP)
    assert (result.outcome, result.captured, result.upstream_number) == (Outcome.PARKED, 2, 4)
    assert (captured_numbers(ledger), buffered(ledger)) == ([1, 3, 4], ["N-6"])


def test_a_retried_trade_may_have_to_wait_for_its_turn(ledger: OperatorLedger) -> None:
    """It is buffered, and captured when the missing number has come."""
    halt(ledger, entry(numbered(2), 1))
    result = perform(ledger, RETRY)
    assert (result.outcome, result.captured) == (Outcome.BUFFERED, 0)
    assert buffered(ledger) == ["N-2"]
    arrive(ledger, 1, first=2, fence=20)
    assert captured_numbers(ledger) == [1, 2]


def test_a_retried_trade_whose_number_was_passed_is_rejected(ledger: OperatorLedger) -> None:
    """So it would have been at first; the retry of a replay is captured late, as any replay."""
    arrive(ledger, 1, 2)
    halt(ledger, entry(numbered(1, "late"), 3))
    assert perform(ledger, RETRY).outcome is Outcome.REJECTED
    halt(ledger, entry(numbered(1, "late"), 4), fence=11)
    result = perform(ledger, RETRY, fence=12)
    assert (result.outcome, captured_numbers(ledger)) == (Outcome.CAPTURED, [1, 2, None])


def test_release_counts_missing_numbers_as_passed(ledger: OperatorLedger) -> None:
    """All below the lowest buffered number; its followers are captured, and the next gap waits."""
    capture(ledger, *arriving(1, 4, 5, 8))
    result = perform(ledger, Action.RELEASE)
    assert (result.captured, result.upstream_number) == (2, 5)
    assert result.message == "numbers 2 to 3 count as passed; 2 buffered trades are captured"
    assert (captured_numbers(ledger), buffered(ledger)) == ([1, 4, 5], ["N-8"])
    assert arrive(ledger, 3, 6, first=5, fence=20) == {Outcome.REJECTED: 1, Outcome.CAPTURED: 1}
    assert perform(ledger, Action.RELEASE).upstream_number == 8
    assert (captured_numbers(ledger), buffered(ledger)) == ([1, 4, 5, 6, 8], [])
