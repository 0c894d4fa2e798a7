"""While the database or Redis is away trades wait, and afterwards they are captured in order."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count

import pytest
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text

from tests.support.builders import broken, submissions
from tests.support.capture.fixtures import MakeWorker
from tests.support.capture.worker import ONE, TWO, StallingLedger, Worker, ids, with_short_leases
from tests.support.inbox.redis_snapshot import KEYS, until_gone
from tradecapture.inbox import Claim
from tradecapture.ledger import Ledger, PartitionResult
from tradecapture.ledger.dialects import base
from tradecapture.ledger.transaction import Clock
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome


@pytest.fixture
def outage(
    request: pytest.FixtureRequest, ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AbstractContextManager[None]:
    """A context during which nobody can write to the database."""
    monkeypatch.setattr(base, "LOCK_TIMEOUT_SHARE", 0.01)  # no lock is released during an outage
    if ledger_settings.database_url.startswith("postgresql"):
        return _stopped(request.getfixturevalue("postgresql_server"))
    return _locked(ledger_settings)


@contextmanager
def _stopped(server: PostgresqlServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    other = Ledger(settings)
    with other.engine.begin() as connection:
        if other.dialect.name == "mssql":  # on SQLite the transaction itself locks the file
            connection.execute(text("SELECT 1 FROM partitions WITH (TABLOCKX, HOLDLOCK)"))
        yield
    other.dispose()


def test_while_the_database_is_away_trades_wait_and_then_come_in_order(
    make_worker: MakeWorker, outage: AbstractContextManager[None]
) -> None:
    """An outage parks nothing; after it the worker captures everything without an operator."""
    worker = make_worker(
        connect_seconds=0.05, retry_attempts=2, backoff_seconds=0.2, backoff_limit_seconds=0.4
    )
    worker.accept(*submissions(2, "B1"), *submissions(2, "B2"))
    with outage:
        summary = worker.drain(budget_seconds=0)
        assert (summary.postponed, summary.outcomes, summary.halted) == (2, {}, 0)
        worker.accept(*submissions(4, "B1"))
        assert worker.drain(budget_seconds=0).batches == 0  # not due before the backoff has passed
        assert worker.waiting() == {ONE: 4, TWO: 2}
    outcomes = worker.drain_until(lambda: worker.waiting() == {})
    assert outcomes == {Outcome.CAPTURED: 6}
    assert worker.captured() == {ONE: ids("B1", 4), TWO: ids("B2", 2)}
    assert worker.held() == {}
    worker.assert_all_is_accounted_for()


def test_an_outage_between_two_trades_of_a_split_batch_loses_nothing(
    make_worker: MakeWorker, outage: AbstractContextManager[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage within a split batch the rest is captured up to the poisoned trade."""
    worker = make_worker(connect_seconds=0.05, retry_attempts=2)
    worker.accept(*submissions(2, "B1"), broken("poison", "B1"), *submissions(1, "B1", 3))
    capture, calls = worker.ledger.capture, count(1)

    def goes_away(claim: Claim, task_id: str, clock: Clock) -> list[PartitionResult]:
        # Call 1 is the whole batch, call 2 its first trade alone, call 3 its second trade.
        with outage if next(calls) == 3 else nullcontext():
            return capture(claim, task_id, clock)

    monkeypatch.setattr(worker.ledger, "capture", goes_away)
    assert worker.drain(budget_seconds=0).outcomes == {Outcome.CAPTURED: 1}
    worker.drain_until(lambda: ONE in worker.held())
    assert worker.captured() == {ONE: ids("B1", 2)}
    assert worker.waiting() == {ONE: 1}
    worker.assert_all_is_accounted_for()


def test_an_unreachable_redis_raises_and_the_lease_ends(
    make_worker: MakeWorker, ledger_settings: Settings, redis: "Redis"
) -> None:
    """If Redis fails after the write, the drain raises, and the next owner completes the claim."""
    stalling_ledger = StallingLedger(with_short_leases(ledger_settings))
    first = Worker(redis, with_short_leases(ledger_settings), "first", stalling_ledger)
    first.accept(*submissions(3, "B1"))

    def refuse_completion() -> None:
        redis.rename(KEYS.due, "away")
        redis.set(KEYS.due, "not a sorted set")

    stalling_ledger.after.append(refuse_completion)
    with pytest.raises(RedisError):
        first.drain()
    redis.rename("away", KEYS.due)
    until_gone(redis, KEYS.lock(ONE))
    second = make_worker("second")
    second.drain_until(lambda: second.waiting() == {})
    assert second.captured() == {ONE: ids("B1", 3)}
    second.assert_all_is_accounted_for()
    stalling_ledger.dispose()
