"""Workers that stall or die lose no trade, and no trade is captured twice."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.support.builders import NOW, broken, submissions
from tests.support.capture.fixtures import MakeWorker
from tests.support.capture.worker import ONE, TWO, StallingLedger, Worker, ids, with_short_leases
from tests.support.inbox.redis_snapshot import KEYS, until_gone
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome


@pytest.fixture
def stalling(redis: "Redis", ledger_settings: Settings) -> Iterator[tuple[Worker, StallingLedger]]:
    """A worker with short leases that are not renewed, and the ledger that stalls it."""
    settings = with_short_leases(ledger_settings)
    stalling_ledger = StallingLedger(settings)
    yield Worker(redis, settings, "stalled", stalling_ledger), stalling_ledger
    stalling_ledger.dispose()


def test_a_worker_that_stalls_after_its_write_cannot_complete(
    stalling: tuple[Worker, StallingLedger], make_worker: MakeWorker, redis: "Redis"
) -> None:
    """A worker whose lease ended before it completes its claim removes nothing from the inbox."""
    stalled, pause = stalling
    other = make_worker("other")
    stalled.accept(*submissions(3, "B1"))

    def let_other_worker_capture() -> None:
        until_gone(redis, KEYS.lock(ONE))
        other.drain_until(lambda: other.waiting() == {})
        other.accept(*submissions(6, "B1")[3:])

    pause.after.append(let_other_worker_capture)
    assert stalled.drain(budget_seconds=0).outcomes == {Outcome.CAPTURED: 3}
    assert other.waiting() == {ONE: 3}
    other.drain()
    assert other.captured() == {ONE: ids("B1", 6)}
    other.assert_all_is_accounted_for()


def test_a_worker_that_stalls_before_its_write_writes_nothing(
    stalling: tuple[Worker, StallingLedger], make_worker: MakeWorker, redis: "Redis"
) -> None:
    """The fence refuses the write of a stalled worker once a newer claim has written."""
    stalled, pause = stalling
    other = make_worker("other")
    stalled.accept(*submissions(3, "B1"))

    def let_other_worker_capture() -> None:
        until_gone(redis, KEYS.lock(ONE))
        other.drain_until(lambda: other.waiting() == {})
        other.accept(*submissions(6, "B1")[3:])
        other.drain()

    pause.before.append(let_other_worker_capture)
    summary = stalled.drain(budget_seconds=0)
    assert (summary.stale, summary.outcomes) == (1, {})
    assert other.captured() == {ONE: ids("B1", 6)}
    other.assert_all_is_accounted_for()


def test_a_worker_that_dies_after_its_write_leaves_no_trace(
    make_worker: MakeWorker, ledger_settings: Settings, redis: "Redis"
) -> None:
    """The next owner finds the trades in the ledger, counts none again, and completes the claim."""
    dying = Worker(redis, with_short_leases(ledger_settings), "dies")
    dying.accept(*submissions(3, "B1"), *submissions(2, "B2"))
    claim = dying.inbox.claim(0, "dies", 0.0)
    assert claim is not None
    dying.ledger.capture(claim, "task-0", lambda: NOW)
    dying.accept(*submissions(4, "B1"))
    until_gone(redis, KEYS.lock(ONE))
    survivor = make_worker("next")
    outcomes = survivor.drain_until(lambda: survivor.waiting() == {})
    assert outcomes == {Outcome.CAPTURED: 1}
    assert survivor.captured() == {ONE: ids("B1", 4), TWO: ids("B2", 2)}
    survivor.assert_all_is_accounted_for()
    dying.ledger.dispose()


def test_a_worker_that_dies_after_parking_is_finished_by_the_next(
    make_worker: MakeWorker, ledger_settings: Settings, redis: "Redis"
) -> None:
    """The next owner removes the parked and the captured trades, and holds the partition."""
    dying = Worker(redis, with_short_leases(ledger_settings), "dies")
    dying.accept(*submissions(2, "B1"), broken("poison", "B1"), *submissions(1, "B1", 3))
    claim = dying.inbox.claim(0, "dies", 0.0)
    assert claim is not None
    dying.capture._write(claim, "task-0")  # everything except the completion of the claim
    until_gone(redis, KEYS.lock(ONE))
    survivor = make_worker("next")
    survivor.drain_until(lambda: ONE in survivor.held())
    assert survivor.waiting() == {ONE: 1}
    assert survivor.captured() == {ONE: ids("B1", 2)}
    survivor.assert_all_is_accounted_for()
    dying.ledger.dispose()
