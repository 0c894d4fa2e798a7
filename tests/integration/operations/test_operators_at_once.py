"""Operators at once, or beside a worker: who was last counts, and no hold is left behind."""

from threading import Timer

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.support.builders import NOW, submissions
from tests.support.capture.operator import POISON, Operator, halt, parked
from tests.support.capture.worker import ONE, Paused, Worker, ids, with_short_leases
from tests.support.inbox.redis_snapshot import claimed
from tests.support.ledger.ledger_snapshot import partition_row
from tradecapture.inbox import Completion
from tradecapture.operations.action import Action
from tradecapture.settings import Settings

PAUSE, RESUME, RETRY, SKIP = Action.PAUSE, Action.RESUME, Action.RETRY, Action.SKIP


def test_a_worker_that_finds_a_pause_too_late_does_not_hold(
    redis: "Redis", ledger_settings: Settings, worker: Worker, operator: Operator
) -> None:
    """It stalled between ledger and Redis while an operator resumed: nobody would end its hold."""
    short = with_short_leases(ledger_settings)
    stalling = Paused(short)
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
    """Two operators at once: the ledger says which of them was last, and Redis follows."""
    worker.accept(*submissions(2, "B1"))
    other = Operator(redis, ledger_settings)
    operator.before("hold", lambda: other.perform(RESUME))
    operator.perform(PAUSE)
    other.ledger.dispose()
    assert partition_row(worker.ledger, ONE).paused_reason is None
    assert worker.held() == {}
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 2)}


def test_a_skip_that_another_operator_was_faster_with_skips_nothing(
    ill: Worker, worker: Worker, operator: Operator, redis: "Redis", ledger_settings: Settings
) -> None:
    """Also in a partition that is paused beside: one trade was at fault, one is skipped."""
    halt(ill)
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
def test_a_partition_that_a_worker_has_is_waited_for(
    worker: Worker, operator: Operator, redis: "Redis", ledger_settings: Settings, action: Action
) -> None:
    """For as long as the operator's patience, which is a lease; then it says so."""
    worker.accept(*submissions(2, "B1"))
    claim = claimed(worker.inbox)
    operator.perform(PAUSE)
    if action is RETRY:
        (head, *_behind) = claim.partitions[0].entries
        worker.ledger.park(claim, head, "cause", "task-1", lambda: NOW)
    hasty = Operator(redis, ledger_settings, claim_timeout_seconds=0.01)
    result = hasty.perform(action)
    hasty.ledger.dispose()
    assert (result.done, "a worker has had a claim" in result.message) == (False, True)
    written = 1 if action is RETRY else 0
    settle = Timer(0.1, lambda: worker.inbox.complete(0, claim.token, [Completion(ONE, written)]))
    settle.start()
    assert operator.perform(action).done
    settle.join()
    operator.perform(RESUME)
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 2)[action is SKIP :]}
    worker.assert_all_is_accounted_for()
