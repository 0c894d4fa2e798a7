"""Slow operations: an action that takes longer than a lease, and one whose lease ended."""

import time
from typing import Any

import pytest
from redis import Redis

from tests.support.builders import submissions
from tests.support.capture.operator import Operator, accept_foreign
from tests.support.capture.worker import ONE, Worker, ids
from tests.support.inbox.redis_snapshot import KEYS
from tradecapture.operations.action import Action, ActionResult
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.settings import Settings

LEASE_SECONDS = 1.0  # renewed after each third; a stall of two thirds would end it

PAUSE, RESUME, SKIP = Action.PAUSE, Action.RESUME, Action.SKIP


class SlowLedger(OperatorLedger):
    """A ledger that performs an action after more than a lease."""

    def perform(self, *arguments: Any, **named: Any) -> ActionResult:
        """Perform the action late."""
        time.sleep(1.5 * LEASE_SECONDS)
        return super().perform(*arguments, **named)


def test_a_skip_keeps_its_lease_while_the_ledger_is_slow(
    worker: Worker, redis: "Redis", ledger_settings: Settings
) -> None:
    """The skipped trade leaves the inbox, so workers do not halt at it again."""
    worker.accept(*submissions(2, "B1"))
    accept_foreign(worker)
    worker.accept(*submissions(2, "B1", 3))
    worker.drain()
    slow = SlowLedger(ledger_settings)
    operator = Operator(redis, ledger_settings, lease_seconds=LEASE_SECONDS, ledger=slow)
    assert operator.perform(SKIP).done
    slow.dispose()
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 4)}
    assert worker.held() == {}
    worker.assert_all_is_accounted_for()


@pytest.mark.parametrize("hold", ["halted", "paused"])
def test_a_skip_that_lost_its_lease_says_so_and_the_same_again_does_the_rest(
    worker: Worker, operator: Operator, hold: str
) -> None:
    """Its host stood still: the ledger has the skip, and the partition stays held."""
    if hold == "halted":
        accept_foreign(worker)
    else:
        worker.accept(*submissions(1, "B1"))
        operator.perform(PAUSE)
    worker.accept(*submissions(2, "B1", 2))
    worker.drain()
    operator.before("complete", lambda: operator.redis.delete(KEYS.lock(ONE)))
    result = operator.perform(SKIP)
    assert (result.done, "the same command again" in result.message) == (True, True)
    assert ONE in worker.held()
    assert "the same command again" not in operator.perform(SKIP).message
    if hold == "paused":
        operator.perform(RESUME)
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 3)[1:]}
    assert worker.held() == {}
    worker.assert_all_is_accounted_for()
