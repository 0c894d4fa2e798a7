"""Crashes: workers that stall or die leave nothing half done, and nothing done twice."""

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
    """A worker whose leases are short and not renewed, and the ledger that stalls it."""
    paused = StallingLedger(with_short_leases(ledger_settings))
    yield Worker(redis, with_short_leases(ledger_settings), "stalled", paused), paused
    paused.dispose()


def test_a_worker_that_stalls_after_its_write_cannot_settle(
    stalling: tuple[Worker, StallingLedger], make_worker: MakeWorker, redis: "Redis"
) -> None:
    """Its lease ends, another settles, more is accepted: the late settle must trim nothing."""
    stalled, pause = stalling
    other = make_worker("other")
    stalled.accept(*submissions(3, "B1"))

    def meanwhile() -> None:
        until_gone(redis, KEYS.lock(ONE))
        other.drain_until(lambda: other.waiting() == {})
        other.accept(*submissions(6, "B1")[3:])

    pause.after.append(meanwhile)
    assert stalled.drain(budget_seconds=0).outcomes == {Outcome.CAPTURED: 3}
    assert other.waiting() == {ONE: 3}
    other.drain()
    assert other.captured() == {ONE: ids("B1", 6)}
    other.assert_all_is_accounted_for()


def test_a_worker_that_stalls_before_its_write_writes_nothing(
    stalling: tuple[Worker, StallingLedger], make_worker: MakeWorker, redis: "Redis"
) -> None:
    """A newer claim has written: the fence refuses the late one, and it settles nothing."""
    stalled, pause = stalling
    other = make_worker("other")
    stalled.accept(*submissions(3, "B1"))

    def meanwhile() -> None:
        until_gone(redis, KEYS.lock(ONE))
        other.drain_until(lambda: other.waiting() == {})
        other.accept(*submissions(6, "B1")[3:])
        other.drain()

    pause.before.append(meanwhile)
    summary = stalled.drain(budget_seconds=0)
    assert (summary.stale, summary.outcomes) == (1, {})
    assert other.captured() == {ONE: ids("B1", 6)}
    other.assert_all_is_accounted_for()


def test_a_worker_that_dies_after_its_write_leaves_no_trace(
    make_worker: MakeWorker, ledger_settings: Settings, redis: "Redis"
) -> None:
    """The next owner finds the trades written, counts none of them again, and settles them."""
    dying = Worker(redis, with_short_leases(ledger_settings), "dies")
    dying.accept(*submissions(3, "B1"), *submissions(2, "B2"))
    claim = dying.inbox.claim(0, "dies", 0.0)
    assert claim is not None
    dying.ledger.capture(claim, "task-0", lambda: NOW)
    dying.accept(*submissions(4, "B1"))
    until_gone(redis, KEYS.lock(ONE))
    next_one = make_worker("next")
    outcomes = next_one.drain_until(lambda: next_one.waiting() == {})
    assert outcomes == {Outcome.CAPTURED: 1}
    assert next_one.captured() == {ONE: ids("B1", 4), TWO: ids("B2", 2)}
    next_one.assert_all_is_accounted_for()
    dying.ledger.dispose()


def test_a_worker_that_dies_after_parking_is_finished_by_the_next(
    make_worker: MakeWorker, ledger_settings: Settings, redis: "Redis"
) -> None:
    """The parked trade and what was captured before it leave; the partition is held."""
    dying = Worker(redis, with_short_leases(ledger_settings), "dies")
    dying.accept(*submissions(2, "B1"), broken("poison", "B1"), *submissions(1, "B1", 3))
    claim = dying.inbox.claim(0, "dies", 0.0)
    assert claim is not None
    dying.capture._write(claim, "task-0")  # everything but the settle
    until_gone(redis, KEYS.lock(ONE))
    next_one = make_worker("next")
    next_one.drain_until(lambda: ONE in next_one.held())
    assert next_one.waiting() == {ONE: 1}
    assert next_one.captured() == {ONE: ids("B1", 2)}
    next_one.assert_all_is_accounted_for()
    dying.ledger.dispose()
