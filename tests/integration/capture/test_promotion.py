"""Capture after the promotion of a replica that has less than the ledger."""

import pytest

from tests.support.builders import broken, submissions
from tests.support.capture.fixtures import MakeWorker
from tests.support.capture.worker import ONE, Worker, ids
from tests.support.inbox.mutation import mutate
from tests.support.inbox.promotion import promote
from tests.support.inbox.redis_snapshot import KEYS
from tests.support.ledger.ledger_snapshot import exception_rows
from tradecapture.ledger.schema.tables import partitions

LEASE_SECONDS = 0.05
CLOCK_LAG_US = 500_000  # of the new master, relative to the old one


def replica_without_trades(worker: Worker) -> None:
    """Promote a replica that has the lane's epoch, and none of its trades."""
    epoch = worker.inbox.redis.get(KEYS.epoch)
    worker.inbox.redis.flushall()
    worker.inbox.redis.set(KEYS.epoch, epoch or "")
    promote(worker.inbox.redis)


def halt(worker: Worker) -> None:
    """Let the ledger halt the partition at its position 2."""
    worker.accept(*submissions(1, "B1"), broken("poison", "B1"))
    worker.drain()
    assert ONE in worker.held()


def test_a_halted_partition_keeps_trades_that_only_the_new_master_has(worker: Worker) -> None:
    """Trades that only the new master has get new positions, and none is taken for captured."""
    halt(worker)
    replica_without_trades(worker)
    worker.accept(*submissions(3, "B1", first=2))
    worker.drain()
    assert worker.waiting() == {ONE: 3}
    assert ONE in worker.held()
    assert worker.captured() == {ONE: ids("B1", 1)}
    worker.assert_all_is_accounted_for()


def test_without_a_new_epoch_they_would_be_taken_for_written(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a new epoch two accepted trades leave the inbox and are lost."""
    mutate(monkeypatch, "accept", "is_promoted = former_id and", "is_promoted = nil and")
    halt(worker)
    replica_without_trades(worker)
    worker.accept(*submissions(3, "B1", first=2))
    worker.drain()
    assert worker.waiting() == {ONE: 1}
    assert worker.captured() == {ONE: ids("B1", 1)}
    assert [row.trade_id for row in exception_rows(worker.ledger)] == ["poison"]


def test_trades_that_only_the_old_master_had_are_duplicates_when_they_come_again(
    worker: Worker,
) -> None:
    """A resend of trades that the lost master had is a duplicate, because they were captured."""
    worker.accept(*submissions(3, "B1"))
    worker.drain()
    replica_without_trades(worker)
    worker.accept(*submissions(5, "B1"))
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 5)}
    assert [row.position for row in exception_rows(worker.ledger)] == [1, 2, 3]
    worker.assert_all_is_accounted_for()


def test_a_clock_that_is_behind_delays_and_loses_nothing(make_worker: MakeWorker) -> None:
    """The fence refuses claims until the new master's clock has passed the ledger's fence."""
    worker = make_worker(lease_seconds=LEASE_SECONDS)
    worker.accept(*submissions(1, "B1"))
    worker.drain()
    replica_without_trades(worker)
    with worker.ledger.engine.begin() as connection:
        raise_fence = partitions.update().values(fence=partitions.c.fence + CLOCK_LAG_US)
        connection.execute(raise_fence)
    worker.accept(*submissions(1, "B1", first=2))
    assert worker.drain().stale == 1
    worker.drain_until(lambda: not worker.waiting())
    assert worker.captured() == {ONE: ids("B1", 2)}
    worker.assert_all_is_accounted_for()
