"""Interrupted operations: the same command completes one that died between ledger and Redis."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.support.builders import submissions
from tests.support.capture.operator import POISON, WHY, Operator, halt, parked
from tests.support.capture.worker import ONE, Worker, ids
from tests.support.inbox.redis_snapshot import KEYS, until_gone
from tradecapture.operations.action import Action

PAUSE, RESUME, RETRY, SKIP = Action.PAUSE, Action.RESUME, Action.RETRY, Action.SKIP
IN_ORDER = ["B1-1", POISON, "B1-2", "B1-3"]


@pytest.mark.parametrize("between", ["nothing", "a worker drains"])
@pytest.mark.parametrize(
    ("action", "call", "captured"),
    [
        (RETRY, "complete", IN_ORDER),
        (RETRY, "unhold", IN_ORDER),
        (SKIP, "complete", ids("B1", 3)),
        (SKIP, "unhold", ids("B1", 3)),
    ],
)
def test_the_same_command_again_does_the_rest(
    failing_worker: Worker,
    worker: Worker,
    operator: Operator,
    action: Action,
    call: str,
    captured: list[str],
    between: str,
) -> None:
    """The first died after the ledger's commit: no second trade is skipped, none captured twice."""
    halt(failing_worker)
    operator.die_at(call)
    with pytest.raises(RedisConnectionError):
        operator.perform(action)
    if between == "a worker drains":
        worker.drain()
    assert operator.perform(action).done
    worker.drain_until(lambda: worker.waiting() == {})
    assert worker.captured() == {ONE: captured}
    assert parked(worker) == ([POISON] if action is SKIP else [])
    assert worker.held() == {}
    worker.assert_all_is_accounted_for()


@pytest.mark.parametrize("call", ["complete", "unhold"])
def test_a_resume_that_died_is_finished_by_the_next(
    worker: Worker, operator: Operator, call: str
) -> None:
    """The first died when the pause had ended in the ledger, but the hold in Redis had not."""
    worker.accept(*submissions(2, "B1"))
    operator.perform(PAUSE)
    operator.die_at(call)
    with pytest.raises(RedisConnectionError):
        operator.perform(RESUME)
    assert worker.drain().outcomes == {}
    assert operator.perform(RESUME).done
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 2)}
    assert worker.held() == {}


def test_a_pause_whose_command_died_still_pauses(worker: Worker, operator: Operator) -> None:
    """A worker finds the pause in the ledger, writes nothing and places the hold in Redis."""
    worker.accept(*submissions(2, "B1"))
    operator.die_at("hold")
    with pytest.raises(RedisConnectionError):
        operator.perform(PAUSE)
    assert worker.held() == {}
    assert worker.drain().outcomes == {}
    assert worker.held() == {ONE: WHY}
    assert operator.perform(RESUME).done
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 2)}


def test_the_lease_of_a_dead_operator_ends(worker: Worker, operator: Operator) -> None:
    """Another claim is possible after a lease."""
    worker.accept(*submissions(1, "B1"))
    operator.perform(PAUSE)
    operator.die_at("complete")
    with pytest.raises(RedisConnectionError):
        operator.perform(SKIP)
    until_gone(worker.inbox.redis, KEYS.lock(ONE))
    assert operator.perform(SKIP).trade_id == "B1-1"
    assert parked(worker) == ["B1-1"]
    worker.assert_all_is_accounted_for()
