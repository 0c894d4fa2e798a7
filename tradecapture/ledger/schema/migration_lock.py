"""The migration lock: lets one process at a time migrate a database, from any host.

The lock ends with the connection or the process that holds it. A waiting process polls instead of
blocking in the database: PostgreSQL builds an index concurrently only when all statements that
began before it have ended, so it would wait for the blocked statement.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, text

POLL_INTERVAL_SECONDS = 0.2  # a migration takes from a fraction of a second to hours

# Any number that no other program uses as an advisory lock in the ledger's database.
_POSTGRESQL_KEY = 0x7261_6465_6361_7074

_RESOURCE = "tradecapture.migration"

log = structlog.get_logger(__name__)


@contextmanager
def migration_lock(engine: Engine) -> Iterator[None]:
    """Wait for the right to migrate a database, and hold it.

    Raises:
        sqlalchemy.exc.SQLAlchemyError, OSError: the database, or its folder, is unreachable.
    """
    lock = {"postgresql": _lock_session, "mssql": _lock_session}.get(
        engine.dialect.name, _lock_file
    )
    with lock(engine):
        yield


@contextmanager
def _lock_session(engine: Engine) -> Iterator[None]:
    """Hold a lock of the server, on a connection of its own and outside transactions."""
    try_lock = _try_postgresql if engine.dialect.name == "postgresql" else _try_sql_server
    # Detached from the pool, which may have a single connection; closing it releases the lock.
    own = engine.execution_options(isolation_level="AUTOCOMMIT")
    with own.connect() as connection:
        connection.detach()
        _wait(lambda: try_lock(connection))
        yield


def _try_postgresql(connection: Connection) -> bool:
    statement = text("SELECT pg_try_advisory_lock(:key)")
    return bool(connection.execute(statement, {"key": _POSTGRESQL_KEY}).scalar_one())


def _try_sql_server(connection: Connection) -> bool:
    connection.exec_driver_sql(
        f"EXEC sp_getapplock @Resource = '{_RESOURCE}', @LockMode = 'Exclusive', "
        "@LockOwner = 'Session', @LockTimeout = 0"
    )
    held = connection.exec_driver_sql(f"SELECT APPLOCK_MODE('public', '{_RESOURCE}', 'Session')")
    return bool(held.scalar_one() == "Exclusive")


@contextmanager
def _lock_file(engine: Engine) -> Iterator[None]:
    """Hold a lock on a file next to the database file."""
    database = engine.url.database
    if not database or database == ":memory:":
        yield  # no other process can open it
        return
    with Path(f"{database}.migrating").open("wb") as file:
        _wait(lambda: _try_file(file.fileno()))
        yield


def _try_file(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(try_lock: Callable[[], bool]) -> None:
    logged = False
    while not try_lock():
        if not logged:
            log.warning("another process migrates the ledger; waiting for it")
            logged = True
        time.sleep(POLL_INTERVAL_SECONDS)
