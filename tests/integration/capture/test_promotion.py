"""A replica that knew less than the ledger takes the master's place; capture goes on rightly."""

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
BEHIND_US = 500_000  # how far the new master's clock is behind the old one's


def replica_without_trades(worker: Worker) -> None:
    """Leave in Redis what a replica has that followed until the lane's epoch began."""
    epoch = worker.inbox.redis.get(KEYS.epoch)
    worker.inbox.redis.flushall()
    worker.inbox.redis.set(KEYS.epoch, epoch or "")
    promote(worker.inbox.redis)


def halt(worker: Worker) -> None:
    """Let the ledger halt the partition at its second place."""
    worker.accept(*submissions(1, "B1"), broken("poison", "B1"))
    worker.drain()
    assert ONE in worker.held()


def test_a_halted_partition_keeps_trades_that_only_the_new_master_has(worker: Worker) -> None:
    """They have places of their own: none of them counts as one that the ledger has."""
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
    """Two accepted trades would leave the inbox and be nowhere: what the epoch is for."""
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
    """They were captured before it died; their submitters got no answer."""
    worker.accept(*submissions(3, "B1"))
    worker.drain()
    replica_without_trades(worker)
    worker.accept(*submissions(5, "B1"))
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 5)}
    assert [row.position for row in exception_rows(worker.ledger)] == [1, 2, 3]
    worker.assert_all_is_accounted_for()


def test_a_clock_that_is_behind_delays_and_loses_nothing(make_worker: MakeWorker) -> None:
    """The ledger's fence is from the old master's clock: claims are refused until it is passed."""
    worker = make_worker(lease_seconds=LEASE_SECONDS)
    worker.accept(*submissions(1, "B1"))
    worker.drain()
    replica_without_trades(worker)
    with worker.ledger.engine.begin() as connection:
        ahead = partitions.update().values(fence=partitions.c.fence + BEHIND_US)
        connection.execute(ahead)
    worker.accept(*submissions(1, "B1", first=2))
    assert worker.drain().stale == 1
    worker.drain_until(lambda: not worker.waiting())
    assert worker.captured() == {ONE: ids("B1", 2)}
    worker.assert_all_is_accounted_for()
