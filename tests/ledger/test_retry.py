"""Retries: a new transaction each for what will pass; an error of its own for what will not."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from tests.builders import NOW, PARTITION, claim, entry, partition_of, submission
from tests.ledger.cut_connection import CutConnection
from tests.ledger.reading import (
    TASK,
    capture,
    captured,
    count,
    nothing_new,
    shares,
    trade_rows,
    waiting_trades,
)
from tradecapture.ledger import Ledger, LedgerUnavailableError
from tradecapture.ledger.dialects import postgresql
from tradecapture.ledger.tables import exceptions
from tradecapture.local.ports import free_port
from tradecapture.local.waiting import wait_until
from tradecapture.settings import Settings

PATIENCE_SECONDS = 10.0
ONE, TWO = partition_of("B1"), partition_of("B2")

MakeLedger = Callable[..., Ledger]


@pytest.fixture
def make_ledger(postgresql_settings: Settings) -> Iterator[MakeLedger]:
    """Make ledgers on PostgreSQL, with settings and server options of their own."""
    made: list[Ledger] = []

    def make(options: str = "", host: str = "", **changes: Any) -> Ledger:
        url = make_url(postgresql_settings.database_url)
        if options:
            url = url.update_query_dict({"options": options})
        if host:
            url = url.update_query_dict({"host": host})
        database_url = url.render_as_string(hide_password=False)
        made.append(Ledger(replace(postgresql_settings, database_url=database_url, **changes)))
        return made[-1]

    yield make
    for ledger in made:
        ledger.dispose()


@pytest.fixture
def database(make_ledger: MakeLedger) -> Engine:
    """Connections of somebody else to the same database."""
    return make_ledger("-c deadlock_timeout=60s").engine


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
    monkeypatch.setattr(postgresql, "LOCK_TIMEOUT_SECONDS", 0.05)


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


def test_the_wait_for_locks_stays_bounded_after_a_rollback(make_ledger: MakeLedger) -> None:
    """A setting made inside a transaction would be undone with it."""
    ledger = make_ledger(pool_size=1)
    shown = []
    for _ in range(3):
        with ledger.engine.connect() as connection:
            shown.append(connection.execute(text("SHOW lock_timeout")).scalar_one())
            connection.rollback()
    assert shown == ["4s"] * 3


def terminate_at(ledger: Ledger, database: Engine, statement: str) -> list[int]:
    """Cut the ledger's connection, once, when it has sent a statement that holds some words."""
    cut: list[int] = []

    @event.listens_for(ledger.engine, "after_cursor_execute")
    def _cut(connection: Any, _cursor: Any, sent: str, *_rest: Any) -> None:
        if statement in sent and not cut:
            cut.append(connection.connection.driver_connection.info.backend_pid)
            with database.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": cut[0]})

    return cut


@pytest.mark.parametrize(
    "statement",
    ["FOR UPDATE", "FROM trades", "UPDATE partitions"],
    ids=["before the reads", "before the COPY", "before the commit"],
)
def test_a_connection_that_is_cut_is_replaced(
    make_ledger: MakeLedger, database: Engine, statement: str
) -> None:
    """Wherever in the transaction it happens, the next attempt does it all, once."""
    ledger = make_ledger(pool_size=1)
    cut = terminate_at(ledger, database, statement)
    assert capture(ledger, *waiting_trades(3)) == [captured(PARTITION, 3)]
    assert len(cut) == 1
    assert shares(ledger) == 3000
    assert capture(ledger, *waiting_trades(4), fence=2)[0].outcomes == captured("", 1).outcomes


@pytest.fixture
def cut_connection(
    postgresql_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CutConnection, str]]:
    """A proxy before the server, and the folder to connect to."""
    server_folder = make_url(postgresql_settings.database_url).query["host"]
    assert isinstance(server_folder, str)
    folder = Path(tmp_path_factory.mktemp("cut"))
    with CutConnection(server_folder, folder) as proxy:
        yield proxy, str(folder)


def test_a_commit_whose_answer_was_lost_has_one_effect(
    make_ledger: MakeLedger, cut_connection: tuple[CutConnection, str]
) -> None:
    """It had committed: the next attempt reads what is there and counts it as done."""
    proxy, folder = cut_connection
    ledger = make_ledger(host=folder)
    capture(ledger, *waiting_trades(1))
    proxy.cut_commits(1)
    (verdict,) = capture(ledger, *waiting_trades(3), fence=2)
    assert proxy.cuts == 1
    assert verdict == nothing_new(PARTITION, 3)
    assert [row.position for row in trade_rows(ledger)] == [1, 2, 3]
    assert shares(ledger) == 3000


def test_a_park_whose_answer_was_lost_has_one_effect(
    make_ledger: MakeLedger, cut_connection: tuple[CutConnection, str]
) -> None:
    """The partition is halted once, by one recorded trade."""
    proxy, folder = cut_connection
    ledger = make_ledger(host=folder)
    proxy.cut_commits(1)
    at_fault = entry(submission())
    verdict = ledger.park(claim(at_fault), at_fault, "reason", TASK, lambda: NOW)
    assert proxy.cuts == 1
    assert (verdict.written, verdict.hold) == (1, "reason")
    assert count(ledger.engine, exceptions) == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://nobody@127.0.0.1:{port}/ledger",
        "sqlite:////nowhere/at/all/ledger.db",
    ],
    ids=["postgresql", "sqlite"],
)
def test_a_database_out_of_reach_is_an_error_of_its_own(settings: Settings, url: str) -> None:
    """Not the trades' fault: the claim is given back, and nothing is parked."""
    database_url = url.format(port=free_port())
    ledger = Ledger(replace(settings, database_url=database_url, retry_attempts=2))
    with pytest.raises(LedgerUnavailableError, match="the ledger's database: "):
        capture(ledger, *waiting_trades(2))


def test_a_sqlite_file_that_another_writes_to_is_waited_for(
    settings: Settings, sqlite_database: Path, tmp_path: Path
) -> None:
    """One writer at a time: the claim is given back if the other takes too long."""
    file = tmp_path / "ledger.db"
    file.write_bytes(sqlite_database.read_bytes())
    url = f"sqlite:///{file}"
    ledger = Ledger(replace(settings, database_url=url, retry_attempts=2, connect_seconds=0.05))
    other = Ledger(replace(settings, database_url=url))
    with other.engine.begin(), pytest.raises(LedgerUnavailableError, match="locked"):
        capture(ledger, *waiting_trades(2))
    assert capture(ledger, *waiting_trades(2)) == [captured(PARTITION, 2)]


@pytest.mark.parametrize(
    "options",
    ["-c default_transaction_read_only=on", "-c statement_timeout=1ms"],
    ids=["a standby after a failover", "a time limit of the administrator"],
)
def test_what_the_server_refuses_is_no_trades_fault(make_ledger: MakeLedger, options: str) -> None:
    """Or a healthy trade of each partition would be parked, and every partition halted."""
    ledger = make_ledger(options, retry_attempts=2)
    with pytest.raises(LedgerUnavailableError):
        capture(ledger, *(entry(submission(f"T-{n}", f"B{n}")) for n in range(2000)))


def test_a_sqlite_file_that_may_not_be_written_is_no_trades_fault(
    settings: Settings, sqlite_database: Path, tmp_path: Path
) -> None:
    """A volume that was mounted read-only gives the claim back too."""
    file = tmp_path / "ledger.db"
    file.write_bytes(sqlite_database.read_bytes())
    url = f"sqlite:///file:{quote(str(file))}?mode=ro&uri=true"
    ledger = Ledger(replace(settings, database_url=url, retry_attempts=2))
    with pytest.raises(LedgerUnavailableError, match="readonly"):
        capture(ledger, *waiting_trades(1))


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
