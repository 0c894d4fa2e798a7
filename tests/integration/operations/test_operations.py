"""Operations: an action in the ledger and in Redis, and what the fleet does after it."""

import pytest

from tests.support.builders import numbered, submissions
from tests.support.capture.operator import POISON, WHO, WHY, Operator, accept_foreign, halt, parked
from tests.support.capture.worker import ONE, Worker, ids
from tests.support.inbox.redis_snapshot import KEYS, everything
from tests.support.ledger.ledger_snapshot import exception_rows, partition_row
from tests.support.ledger.operators import tables
from tradecapture.inbox import HoldKind
from tradecapture.operations.action import Action
from tradecapture.trades.lifecycle import ExpectedOutcome, Outcome
from tradecapture.trades.receipt import Receipt

PAUSE, RESUME, RETRY, SKIP = Action.PAUSE, Action.RESUME, Action.RETRY, Action.SKIP
IN_ORDER = ["B1-1", POISON, "B1-2", "B1-3"]


def test_a_pause_holds_and_accepting_goes_on(worker: Worker, operator: Operator) -> None:
    """The ledger and Redis have who and why; new trades wait in order."""
    worker.accept(*submissions(2, "B1"))
    worker.drain()
    assert operator.perform(PAUSE).done
    worker.accept(*submissions(2, "B1", 3))
    assert worker.drain().outcomes == {}
    state = operator.overview.one(ONE)
    assert state.row is not None
    assert state.row.paused_reason == f"{WHO}: {WHY}"
    assert state.hold == (HoldKind.PAUSED, WHY, WHO)
    assert worker.waiting() == {ONE: 2}
    worker.assert_all_is_accounted_for()


def test_a_resume_unholds_and_rings(worker: Worker, operator: Operator) -> None:
    """The trades that were accepted during the pause are captured, in order."""
    worker.accept(*submissions(2, "B1"))
    operator.perform(PAUSE)
    worker.accept(*submissions(2, "B1", 3))
    worker.inbox.clear_bell(0)
    assert operator.perform(RESUME).done
    assert operator.bells() == 1
    assert worker.drain().outcomes == {Outcome.CAPTURED: 4}
    assert worker.captured() == {ONE: ids("B1", 4)}
    assert [row.action for row in operator.audit_rows()] == ["pause", "resume"]
    assert operator.perform(RESUME).message == f"{ONE} is not held: nothing to resume"


def test_retry_captures_the_head_and_then_the_rest(
    failing_worker: Worker, worker: Worker, operator: Operator
) -> None:
    """A worker that can capture it: the halting trade at its own position, then the next ones."""
    halt(failing_worker)
    result = operator.perform(RETRY)
    assert (result.done, result.trade_id, result.outcome) == (True, POISON, Outcome.CAPTURED)
    assert operator.bells() == 1
    worker.drain()
    assert worker.captured() == {ONE: IN_ORDER}
    assert (worker.held(), parked(worker)) == ({}, [])
    worker.assert_all_is_accounted_for()


def test_skip_goes_on_with_the_next_trade(
    failing_worker: Worker, worker: Worker, operator: Operator
) -> None:
    """The trade stays parked, with who skipped it and why; the rest is captured in order."""
    halt(failing_worker)
    assert operator.perform(SKIP).done
    assert operator.bells() == 1
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 3)}
    (row,) = exception_rows(worker.ledger)
    assert row.reason.endswith(f"; skipped by {WHO}: {WHY}")
    assert worker.held() == {}
    worker.assert_all_is_accounted_for()


def test_a_retry_that_fails_leaves_the_partition_halted(
    failing_worker: Worker, worker: Worker, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger and Redis have the newest reason; no later trade is captured."""
    halt(failing_worker)
    with monkeypatch.context() as patch:
        patch.setattr("tradecapture.ledger.rules.partition.parse_date", int)
        result = operator.perform(RETRY)
    assert (result.done, "it still cannot be captured" in result.message) == (False, True)
    assert worker.drain().outcomes == {}
    reason = partition_row(worker.ledger, ONE).halted_reason
    assert reason is not None
    assert reason in result.message
    assert worker.held() == {ONE: reason}
    assert operator.perform(RETRY).done
    worker.drain()
    assert worker.captured() == {ONE: IN_ORDER}


def test_a_skip_passes_over_the_head_of_a_paused_partition(
    worker: Worker, operator: Operator
) -> None:
    """Only of a paused one: there the operator knows which trade is the head."""
    worker.accept(*submissions(3, "B1"))
    assert operator.perform(SKIP).message == f"{ONE} is not held: pause it first"
    operator.perform(PAUSE)
    assert operator.perform(SKIP).trade_id == "B1-1"
    assert worker.held() == {ONE: WHY}
    operator.perform(RESUME)
    worker.drain()
    assert worker.captured() == {ONE: ["B1-2", "B1-3"]}
    worker.assert_all_is_accounted_for()


def test_a_retry_leaves_a_pause_alone(
    failing_worker: Worker, worker: Worker, operator: Operator
) -> None:
    """Only a resume ends a pause."""
    halt(failing_worker)
    operator.perform(PAUSE)
    assert operator.perform(RETRY).done
    assert worker.drain().outcomes == {}
    assert worker.held() == {ONE: WHY}
    operator.perform(RESUME)
    worker.drain()
    assert worker.captured() == {ONE: IN_ORDER}


@pytest.mark.parametrize("action", [RETRY, SKIP])
def test_a_halt_can_be_ended_after_redis_was_emptied(
    failing_worker: Worker, worker: Worker, operator: Operator, action: Action
) -> None:
    """The parked trade is in the ledger; the trades that waited after it are lost with Redis."""
    halt(failing_worker)
    worker.inbox.redis.flushall()
    worker.accept(*submissions(1, "B1", 7))
    assert worker.drain().outcomes == {}
    assert operator.perform(action).done
    worker.drain()
    kept = [POISON] if action is RETRY else []
    assert worker.captured() == {ONE: ["B1-1", *kept, "B1-7"]}
    assert (worker.held(), worker.waiting()) == ({}, {})


def test_a_pause_survives_an_emptied_redis(worker: Worker, operator: Operator) -> None:
    """The ledger has it."""
    worker.accept(*submissions(1, "B1"))
    operator.perform(PAUSE)
    worker.inbox.redis.flushall()
    worker.accept(*submissions(1, "B1"))
    assert worker.drain().outcomes == {}
    assert operator.perform(RESUME).done
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 1)}


def test_receipts_predict_from_a_released_gap_on(worker: Worker, operator: Operator) -> None:
    """The ledger captures the followers, and Redis learns the number that is reached."""
    worker.accept(*(numbered(n, f"N-{n}", "B1") for n in (1, 4, 5)))
    worker.drain()
    assert operator.perform(Action.RELEASE).captured == 2
    assert worker.captured() == {ONE: ["N-1", "N-4", "N-5"]}
    (six, three) = worker.inbox.accept([numbered(6, "N-6", "B1"), numbered(3, "N-3", "B1")]).answers
    assert isinstance(six, Receipt)
    assert isinstance(three, Receipt)
    assert (six.expected_outcome, three.expected_outcome) == (
        ExpectedOutcome.ACCEPTED,
        ExpectedOutcome.REJECTED,
    )
    assert worker.drain().outcomes == {Outcome.CAPTURED: 1, Outcome.REJECTED: 1}
    worker.assert_all_is_accounted_for()


@pytest.mark.parametrize("action", [PAUSE, RESUME, RETRY, SKIP, Action.RELEASE])
@pytest.mark.parametrize("state", ["flowing", "paused", "halted", "unreadable", "gap"])
def test_a_dry_run_changes_nothing_anywhere(
    failing_worker: Worker, worker: Worker, operator: Operator, state: str, action: Action
) -> None:
    """Neither a table nor a key changes; only the fence, of which none is used twice, is higher."""
    if state == "halted":
        halt(failing_worker)
    else:
        worker.accept(*(numbered(n, f"N-{n}", "B1") for n in (1, 3)))
        worker.drain()
        worker.accept(*submissions(1, "B1"))
    if state == "paused":
        operator.perform(PAUSE)
    if state == "unreadable":
        accept_foreign(worker)
        worker.drain()
    before = everything(worker.inbox.redis), tables(worker.ledger)
    operator.perform(action, dry_run=True)
    after = everything(worker.inbox.redis), tables(worker.ledger)
    for keys, _tables in (before, after):
        keys.pop(KEYS.fence.encode(), None)
    assert after == before


def test_an_action_on_an_unknown_partition_is_refused(worker: Worker, operator: Operator) -> None:
    """A key with a typing error creates no partition."""
    result = operator.perform(PAUSE)
    assert (result.done, "was ever accepted" in result.message) == (False, True)
    assert (tables(worker.ledger)["partitions"], operator.audit_rows()) == ([], [])
