"""Unreadable heads: an entry that no worker can read halts its partition until it is skipped."""

from base64 import b64decode

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.support.builders import submissions
from tests.support.capture.operator import WHO, WHY, Operator, accept_foreign
from tests.support.capture.worker import ONE, Worker, ids
from tests.support.ledger.ledger_snapshot import exception_rows, partition_row
from tradecapture.operations.action import Action

PAUSE, RETRY, SKIP = Action.PAUSE, Action.RETRY, Action.SKIP


@pytest.mark.parametrize("call", ["", "complete", "unhold"])
def test_a_head_that_cannot_be_read_can_be_skipped(
    worker: Worker, operator: Operator, call: str
) -> None:
    """It is parked once, whole, as base64, under an id made of its position; the rest goes on."""
    worker.accept(*submissions(2, "B1"))
    foreign = accept_foreign(worker)
    worker.accept(*submissions(2, "B1", 3))
    worker.drain()
    if call:
        operator.die_at(call)
        with pytest.raises(RedisConnectionError):
            operator.perform(SKIP)
        worker.drain()
    assert operator.perform(SKIP).done
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 4)}
    (row,) = exception_rows(worker.ledger)
    assert row.trade_id == f"unreadable-{row.epoch}-3"
    assert (row.position, b64decode(row.document)) == (3, foreign)
    assert (worker.held(), worker.waiting()) == ({}, {})
    worker.assert_all_is_accounted_for()


def test_a_head_that_cannot_be_read_can_be_retried(worker: Worker, operator: Operator) -> None:
    """Workers try to read it again; if they cannot, they halt the partition again."""
    worker.accept(*submissions(1, "B1"))
    accept_foreign(worker)
    worker.drain()
    assert operator.perform(RETRY).done
    assert worker.held() == {}
    worker.drain()
    assert "release" in worker.held()[ONE]
    assert [row.action for row in operator.audit_rows()] == ["retry"]


def test_a_retry_of_an_unreadable_head_leaves_a_pause_alone(
    worker: Worker, operator: Operator
) -> None:
    """Even one that Redis does not have, because the pausing command died."""
    worker.accept(*submissions(1, "B1"))
    accept_foreign(worker)
    worker.drain()
    operator.die_at("hold")
    with pytest.raises(RedisConnectionError):
        operator.perform(PAUSE)
    assert operator.perform(RETRY).done
    assert partition_row(worker.ledger, ONE).paused_reason == f"{WHO}: {WHY}"
