"""The migration lock: one migration of a database at a time, whoever runs it and where.

The lock ends with the connection, or the process, that holds it. Whoever waits for it asks again
and again instead of blocking in the database: PostgreSQL makes an index only when all statements
that began before it have ended, and would wait for the waiter.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, text

LOOK_SECONDS = 0.2  # between two looks; a migration takes from a fraction of a second to hours

# Any number will do that nobody else uses in the ledger's database.
_POSTGRESQL_KEY = 0x7261_6465_6361_7074

_RESOURCE = "tradecapture.migration"

log = structlog.get_logger(__name__)


@contextmanager
def migration_lock(engine: Engine) -> Iterator[None]:
    """Wait for the right to migrate a database, and hold it.

    Raises:
        sqlalchemy.exc.SQLAlchemyError, OSError: the database, or its folder, is out of reach.
    """
    lock = {"postgresql": _locked_session, "mssql": _locked_session}.get(
        engine.dialect.name, _locked_file
    )
    with lock(engine):
        yield


@contextmanager
def _locked_session(engine: Engine) -> Iterator[None]:
    """Hold a lock of the server; beside the connection that migrates, and in no transaction."""
    take = _take_on_postgresql if engine.dialect.name == "postgresql" else _take_on_sql_server
    # Not one of the pool, which may have a single connection; and closed with its lock.
    own = engine.execution_options(isolation_level="AUTOCOMMIT")
    with own.connect() as connection:
        connection.detach()
        _wait(lambda: take(connection))
        yield


def _take_on_postgresql(connection: Connection) -> bool:
    statement = text("SELECT pg_try_advisory_lock(:key)")
    return bool(connection.execute(statement, {"key": _POSTGRESQL_KEY}).scalar_one())


def _take_on_sql_server(connection: Connection) -> bool:
    connection.exec_driver_sql(
        f"EXEC sp_getapplock @Resource = '{_RESOURCE}', @LockMode = 'Exclusive', "
        "@LockOwner = 'Session', @LockTimeout = 0"
    )
    held = connection.exec_driver_sql(f"SELECT APPLOCK_MODE('public', '{_RESOURCE}', 'Session')")
    return bool(held.scalar_one() == "Exclusive")


@contextmanager
def _locked_file(engine: Engine) -> Iterator[None]:
    """Hold a file beside the database's."""
    database = engine.url.database
    if not database or database == ":memory:":
        yield  # nobody else has it
        return
    with Path(f"{database}.migrating").open("wb") as file:
        _wait(lambda: _take_file(file.fileno()))
        yield


def _take_file(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(take: Callable[[], bool]) -> None:
    said = False
    while not take():
        if not said:
            log.warning("another process migrates the ledger; waiting for it")
            said = True
        time.sleep(LOOK_SECONDS)
