"""Retries: what will pass is tried again in a new transaction, within bounds."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from tests.support.builders import PARTITION, partition_of
from tests.support.ledger.fixtures import MakeLedger
from tests.support.ledger.ledger_snapshot import (
    capture,
    captured,
    shares,
    trade_rows,
    waiting_trades,
)
from tradecapture.ledger import Ledger, LedgerUnavailableError
from tradecapture.ledger.dialects import base
from tradecapture.local.servers.server import wait_until

PATIENCE_SECONDS = 10.0
ONE, TWO = partition_of("B1"), partition_of("B2")


def lock_partition(connection: Connection, partition: str) -> None:
    """Lock a partition's row."""
    query = text("SELECT 1 FROM partitions WHERE partition_key = :key FOR UPDATE")
    connection.execute(query, {"key": partition})


def is_waiting_for_a_lock(database: Engine) -> bool:
    """Return whether somebody waits for a lock."""
    with database.connect() as connection:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(connection.execute(query).scalar_one())


@contextmanager
def transactions_of(ledger: Ledger) -> Iterator[list[str]]:
    """Note how each of the ledger's transactions ends."""
    ended: list[str] = []
    event.listen(ledger.engine, "commit", lambda _connection: ended.append("commit"))
    event.listen(ledger.engine, "rollback", lambda _connection: ended.append("rollback"))
    yield ended


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Run work in a thread; return it and the list that its result will be in."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


def test_a_deadlock_victim_succeeds_in_a_new_transaction(
    make_ledger: MakeLedger, database: Engine
) -> None:
    """A real one: each holds what the other needs, and PostgreSQL chooses the ledger."""
    ledger = make_ledger("-c deadlock_timeout=20ms")
    capture(ledger, *waiting_trades(1, "B1"), *waiting_trades(1, "B2"))
    batch = [*waiting_trades(2, "B1", first=2), *waiting_trades(2, "B2", first=2)]
    with transactions_of(ledger) as ended, database.begin() as other:
        lock_partition(other, TWO)
        thread, results = in_thread(lambda: capture(ledger, *batch, fence=2))
        assert wait_until(lambda: is_waiting_for_a_lock(database), PATIENCE_SECONDS)
        lock_partition(other, ONE)  # which the ledger holds: one of both must give up
    thread.join(PATIENCE_SECONDS)
    assert results == [[captured(ONE, 2), captured(TWO, 2)]]
    assert ended[0] == "rollback"
    assert ended[-1] == "commit"
    assert len(trade_rows(ledger)) == 6


@pytest.fixture
def _short_lock_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "LOCK_TIMEOUT_SHARE", 0.01)


@pytest.mark.usefixtures("_short_lock_timeout")
def test_a_lock_that_is_released_is_waited_for(make_ledger: MakeLedger, database: Engine) -> None:
    """The first attempts time out, a later one succeeds."""
    ledger = make_ledger(retry_attempts=100, lease_seconds=PATIENCE_SECONDS)
    capture(ledger, *waiting_trades(1))
    with transactions_of(ledger) as ended, database.begin() as other:
        lock_partition(other, PARTITION)
        thread, results = in_thread(lambda: capture(ledger, *waiting_trades(2), fence=2))
        assert wait_until(lambda: len(ended) >= 2, PATIENCE_SECONDS)
        assert set(ended) == {"rollback"}
    thread.join(PATIENCE_SECONDS)
    assert len(results) == 1
    assert shares(ledger) == 2000


@pytest.mark.usefixtures("_short_lock_timeout")
def test_a_lock_that_is_never_released_gives_the_claim_back(
    make_ledger: MakeLedger, database: Engine
) -> None:
    """After so many attempts, each in a transaction of its own; nothing was written."""
    ledger = make_ledger(retry_attempts=3)
    capture(ledger, *waiting_trades(1))
    with transactions_of(ledger) as ended, database.begin() as other:
        lock_partition(other, PARTITION)
        with pytest.raises(LedgerUnavailableError, match="lock timeout"):
            capture(ledger, *waiting_trades(2), fence=2)
    assert ended == ["rollback"] * 3
    assert shares(ledger) == 1000


@pytest.mark.parametrize(
    ("lease_seconds", "lock_timeout", "idle_transaction"),
    [(0.5, "1600ms", "2s"), (5, "4s", "5s"), (7, "5600ms", "7s"), (300, "8s", "10s")],
)
def test_the_servers_waits_follow_the_lease(
    make_ledger: MakeLedger, lease_seconds: float, lock_timeout: str, idle_transaction: str
) -> None:
    """Four fifths of it for a lock, all of it for an idle transaction; both within bounds."""
    ledger = make_ledger(lease_seconds=lease_seconds)
    with ledger.engine.connect() as connection:
        settings = [
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert settings == [lock_timeout, idle_transaction]


def test_the_wait_for_locks_stays_bounded_after_a_rollback(make_ledger: MakeLedger) -> None:
    """A setting made inside a transaction would be undone with it."""
    ledger = make_ledger(pool_size=1, lease_seconds=5)
    shown = []
    for _ in range(3):
        with ledger.engine.connect() as connection:
            shown.append(connection.execute(text("SHOW lock_timeout")).scalar_one())
            connection.rollback()
    assert shown == ["4s"] * 3


def test_an_error_of_a_trade_is_not_retried(make_ledger: MakeLedger) -> None:
    """What is wrong with a trade is wrong in every attempt."""
    ledger = make_ledger()
    attempts: list[int] = []
    event.listen(ledger.engine, "begin", lambda _connection: attempts.append(1))
    with pytest.raises(psycopg.DataError):
        capture(ledger, *waiting_trades(1), task_id="longer than its column" * 3)
    assert len(attempts) == 1


@pytest.mark.usefixtures("_short_lock_timeout")
def test_retries_end_with_the_lease(make_ledger: MakeLedger, database: Engine) -> None:
    """Work done after it would only be refused by the fence."""
    ledger = make_ledger(retry_attempts=10_000, lease_seconds=0.2)
    capture(ledger, *waiting_trades(1))
    with transactions_of(ledger) as ended, database.begin() as other:
        lock_partition(other, PARTITION)
        with pytest.raises(LedgerUnavailableError):
            capture(ledger, *waiting_trades(2), fence=2)
    assert 1 < len(ended) < 20


def test_sqlalchemy_wraps_what_it_sees(make_ledger: MakeLedger) -> None:
    """Errors arrive in two shapes, wrapped and raw; both are judged by their number."""
    dialect = make_ledger().dialect
    raw = psycopg.errors.DeadlockDetected("deadlock")
    assert dialect.is_transient(raw)
    assert dialect.is_transient(OperationalError("UPDATE", {}, raw))
    assert not dialect.is_transient(psycopg.errors.StringDataRightTruncation("too long"))
    assert not dialect.is_transient(ValueError("a trade's fault"))
