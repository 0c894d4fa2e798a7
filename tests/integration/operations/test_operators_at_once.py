"""Two operators at once, or one beside a worker: the last action counts, and no hold is left."""

from threading import Timer

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.support.builders import NOW, submissions
from tests.support.capture.operator import POISON, Operator, halt, parked
from tests.support.capture.worker import ONE, StallingLedger, Worker, ids, with_short_leases
from tests.support.inbox.redis_snapshot import claimed
from tests.support.ledger.ledger_snapshot import partition_row
from tradecapture.inbox import Completion
from tradecapture.operations.action import Action
from tradecapture.settings import Settings

PAUSE, RESUME, RETRY, SKIP = Action.PAUSE, Action.RESUME, Action.RETRY, Action.SKIP


def test_a_worker_that_finds_a_pause_too_late_does_not_hold(
    redis: "Redis", ledger_settings: Settings, worker: Worker, operator: Operator
) -> None:
    """It stalled between ledger and Redis while an operator resumed; nobody would end its hold."""
    short = with_short_leases(ledger_settings)
    stalling = StallingLedger(short)
    stalled = Worker(redis, short, "stalled", stalling)
    stalled.accept(*submissions(2, "B1"))
    operator.die_at("hold")
    with pytest.raises(RedisConnectionError):
        operator.perform(PAUSE)
    stalling.after.append(lambda: operator.perform(RESUME))
    stalled.drain(budget_seconds=0)
    stalling.dispose()
    assert worker.held() == {}
    worker.drain_until(lambda: worker.waiting() == {})
    assert worker.captured() == {ONE: ids("B1", 2)}


def test_a_pause_that_was_resumed_before_it_held_does_not_hold(
    redis: "Redis", ledger_settings: Settings, worker: Worker, operator: Operator
) -> None:
    """The ledger says which of the two actions was the last, and Redis follows."""
    worker.accept(*submissions(2, "B1"))
    other = Operator(redis, ledger_settings)
    operator.before("hold", lambda: other.perform(RESUME))
    operator.perform(PAUSE)
    other.ledger.dispose()
    assert partition_row(worker.ledger, ONE).paused_reason is None
    assert worker.held() == {}
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 2)}


def test_the_later_of_two_skips_skips_nothing(
    failing_worker: Worker,
    worker: Worker,
    operator: Operator,
    redis: "Redis",
    ledger_settings: Settings,
) -> None:
    """Even in a paused partition: one trade halted it, and only that one is skipped."""
    halt(failing_worker)
    operator.perform(PAUSE)
    other = Operator(redis, ledger_settings)
    operator.before("claim_one", lambda: other.perform(SKIP))
    assert not operator.perform(SKIP).done
    other.ledger.dispose()
    operator.perform(RESUME)
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 3)}
    assert parked(worker) == [POISON]


@pytest.mark.parametrize("action", [RESUME, RETRY, SKIP])
def test_an_action_waits_for_a_workers_claim(
    worker: Worker, operator: Operator, redis: "Redis", ledger_settings: Settings, action: Action
) -> None:
    """It waits for the claim timeout, which is a lease; then the result says so."""
    worker.accept(*submissions(2, "B1"))
    claim = claimed(worker.inbox)
    operator.perform(PAUSE)
    if action is RETRY:
        (head, *_rest) = claim.partitions[0].entries
        worker.ledger.park(claim, head, "cause", "task-1", lambda: NOW)
    impatient = Operator(redis, ledger_settings, claim_timeout_seconds=0.01)
    result = impatient.perform(action)
    impatient.ledger.dispose()
    assert (result.done, "a worker has had a claim" in result.message) == (False, True)
    written = 1 if action is RETRY else 0
    completion = Timer(
        0.1, lambda: worker.inbox.complete(0, claim.token, [Completion(ONE, written)])
    )
    completion.start()
    assert operator.perform(action).done
    completion.join()
    operator.perform(RESUME)
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 2)[action is SKIP :]}
    worker.assert_all_is_accounted_for()
