"""Sessions of the stand-in end, wait and fail as those of SQL Server do."""

import threading
import time
from dataclasses import replace
from typing import Any

import pymssql
import pytest
from pymssql import _mssql
from sqlalchemy import text

from tests.support.ledger.sql_server_driver import CONNECTION_PROPERTIES, connect, settings_of
from tests.support.tds import TdsServer
from tradecapture.ledger.engine import open_engine

PATIENCE_SECONDS = 30.0
INSERT = (
    "INSERT INTO partitions SELECT '{0}', 'A', 'B', 'C', 0, 0, 0, 0, 0, 0, '', '', NULL, NULL, "
    "NULL, NULL, SYSUTCDATETIME(), NULL, 0, 0"
)
LOCK = "SELECT partition_key FROM partitions WITH (UPDLOCK, ROWLOCK) WHERE partition_key = '{0}'"
FAILS = "SELECT 1/0"


def run(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement; return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def keys(connection: Any) -> list[str]:
    """Return the keys of the partitions that a connection sees."""
    return [key for (key,) in run(connection, "SELECT partition_key FROM partitions ORDER BY 1")]


@pytest.fixture
def one_and_two(connections: list[Any]) -> list[Any]:
    """Two connections; the rows A and B are committed."""
    run(connections[0], INSERT.format("A"))
    run(connections[0], INSERT.format("B"))
    connections[0].commit()
    return connections


def test_what_is_not_committed_is_not_seen(connections: list[Any]) -> None:
    """A transaction is always open; a commit shows its rows to others, a rollback loses them."""
    one, two = connections
    run(one, INSERT.format("A"))
    assert keys(two) == []
    one.commit()
    run(one, INSERT.format("B"))
    one.rollback()
    assert keys(two) == keys(one) == ["A"]


def test_with_xact_abort_an_error_undoes_the_transaction(one_and_two: list[Any]) -> None:
    """The commit that follows has nothing to commit, and says so."""
    one, two = one_and_two
    run(one, INSERT.format("C"))
    with pytest.raises(pymssql.OperationalError) as failed:
        run(one, FAILS)
    assert failed.value.args[0] == 8134
    with pytest.raises(pymssql.OperationalError, match=r"Cannot commit transaction: \(3902"):
        one.commit()
    assert keys(two) == ["A", "B"]


def test_without_xact_abort_the_statements_before_the_error_stay(server: TdsServer) -> None:
    """Which is why the ledger sets it: half a batch would be committed."""
    without = CONNECTION_PROPERTIES.replace("XACT_ABORT ON", "XACT_ABORT OFF")
    careless = connect(server, without)
    run(careless, INSERT.format("C"))
    with pytest.raises(pymssql.OperationalError):
        run(careless, FAILS)
    run(careless, INSERT.format("D"))
    careless.commit()
    assert keys(careless) == ["C", "D"]
    careless.close()


def test_a_lock_is_waited_for_no_longer_than_told(one_and_two: list[Any]) -> None:
    """LOCK_TIMEOUT in milliseconds, then error 1222 in the shape of execute."""
    one, two = one_and_two
    run(one, LOCK.format("A"))
    assert run(two, LOCK.format("B")) == [("B",)]  # another row is free
    run(two, "SET LOCK_TIMEOUT 100")
    with pytest.raises(pymssql.OperationalError) as failed:
        run(two, LOCK.format("A"))
    assert failed.value.args[0] == 1222
    assert isinstance(failed.value.args[1], bytes)
    two.rollback()
    one.rollback()
    assert run(two, LOCK.format("A")) == [("A",)]


@pytest.mark.parametrize(
    ("lease_seconds", "lock_timeout_ms"), [(0.5, 1600), (5, 4000), (7, 5600), (300, 8000)]
)
def test_the_wait_for_locks_follows_the_lease(
    server: TdsServer, lease_seconds: float, lock_timeout_ms: int
) -> None:
    """LOCK_TIMEOUT is four fifths of the lease, within bounds."""
    settings = replace(settings_of(server), lease_seconds=lease_seconds)
    with open_engine(settings) as (engine, _dialect), engine.connect() as connection:
        found = connection.execute(text("SELECT @@LOCK_TIMEOUT")).scalar_one()
    assert found == lock_timeout_ms


def test_readers_do_not_wait(one_and_two: list[Any]) -> None:
    """As with READ_COMMITTED_SNAPSHOT: they read what was committed last."""
    one, two = one_and_two
    run(one, "UPDATE partitions SET fence = 7 WHERE partition_key = 'A'")
    assert run(two, "SELECT fence FROM partitions WHERE partition_key = 'A'") == [(0,)]


def test_a_real_deadlock_has_one_victim(one_and_two: list[Any]) -> None:
    """PostgreSQL finds it; the victim gets 1205 and its whole transaction is undone."""
    errors: dict[int, Exception] = {}
    barrier = threading.Barrier(2)

    def cross(number: int, first: str, second: str) -> None:
        connection = one_and_two[number]
        run(connection, "SET LOCK_TIMEOUT -1")
        run(connection, LOCK.format(first))
        barrier.wait(PATIENCE_SECONDS)
        try:
            run(connection, LOCK.format(second))
        except pymssql.Error as error:
            errors[number] = error
        connection.rollback()

    threads = [
        threading.Thread(target=cross, args=(0, "A", "B")),
        threading.Thread(target=cross, args=(1, "B", "A")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    (victim,) = errors.values()
    assert isinstance(victim, pymssql.OperationalError)
    assert victim.args[0] == 1205
    assert b"deadlock victim" in victim.args[1]


def test_a_key_given_twice_has_the_number_of_its_kind(one_and_two: list[Any]) -> None:
    """2627 for a primary key, 2601 for a unique index; pymssql calls the first one by its name."""
    one, _two = one_and_two
    with pytest.raises(pymssql.IntegrityError) as failed:
        run(one, INSERT.format("A"))
    assert failed.value.args[0] == 2627
    one.rollback()
    trade = (
        "INSERT INTO trades SELECT '{}', 'P', 1, 0, 1, 'd', 'CAPTURED', '2026-01-15', "
        "SYSUTCDATETIME(), SYSUTCDATETIME(), 't', '', '', NULL, NULL"
    )
    run(one, trade.format("T-1"))
    with pytest.raises(pymssql.IntegrityError) as failed:
        run(one, trade.format("T-2"))
    assert failed.value.args[0] == 2601


def test_executemany_raises_what_sqlalchemy_does_not_wrap(one_and_two: list[Any]) -> None:
    """The driver's own exception, with the number as an attribute and in a tuple."""
    one, _two = one_and_two
    with one.cursor() as cursor, pytest.raises(_mssql.MSSQLDatabaseException) as failed:
        cursor.executemany(INSERT.replace("'{0}'", "%s"), [("C",), ("A",)], batch_size=2)
    assert failed.value.number == 2627
    assert failed.value.args[0][0] == 2627


def test_a_text_of_two_units_a_character_may_be_too_long(connections: list[Any]) -> None:
    """An NVARCHAR counts UTF-16 units: 51 foxes do not fit into 100."""
    one, _two = connections
    statement = (
        "INSERT INTO audit (done_at, who, action, partition_key, why, result) "
        "SELECT SYSUTCDATETIME(), N'{}', 'x', 'P', '', ''"
    )
    run(one, statement.format("\U0001f98a" * 50))
    with pytest.raises(pymssql.OperationalError) as failed:
        run(one, statement.format("\U0001f98a" * 50 + "x"))
    assert failed.value.args[0] == 2628


def test_a_newline_behind_a_backslash_is_not_in_a_literal(connections: list[Any]) -> None:
    """Transact-SQL takes both for a line that goes on; JSON has neither, as it escapes them."""
    one, _two = connections
    assert run(one, "SELECT N'a\\\nb' AS text") == [("ab",)]


def test_a_session_that_leaves_gives_its_locks_back(one_and_two: list[Any]) -> None:
    """What it had not committed is undone."""
    one, two = one_and_two
    run(one, "DELETE FROM partitions WHERE partition_key = 'A'")
    one.close()
    deadline = time.monotonic() + PATIENCE_SECONDS
    run(two, f"SET LOCK_TIMEOUT {int(PATIENCE_SECONDS * 1000)}")
    assert run(two, LOCK.format("A")) == [("A",)]
    assert time.monotonic() < deadline
