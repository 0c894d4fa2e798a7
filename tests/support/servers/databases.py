"""Creates and empties databases of the ledger for tests."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from tests.support.servers.settings import CONNECT_SECONDS
from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import open_engine
from tradecapture.ledger.schema.tables import metadata
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.settings import Settings

# The URL of a SQL Server for the tests. Without it they use the stand-in.
MSSQL_VARIABLE = "TRADECAPTURE_TEST_MSSQL_URL"


def with_tables(url: str) -> str:
    """Create the ledger's tables in a database; return its URL."""
    settings = Settings(database_url=url, connect_seconds=CONNECT_SECONDS)
    with open_engine(settings) as (engine, _dialect):
        upgrade(engine)
    return url


@contextmanager
def emptying(url: str) -> Iterator[Callable[[], str]]:
    """Yield a function that deletes every row of the ledger's tables and returns the URL.

    The function keeps one connection, because most tests call it. DELETE takes a fifth of the time
    of TRUNCATE for tables of a few rows.
    """
    settings = Settings(database_url=url, connect_seconds=CONNECT_SECONDS)
    with open_engine(settings) as (engine, _dialect):

        def empty() -> str:
            try:
                _delete_rows(engine)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                _delete_rows(engine)  # a test has restarted the server; the pool connects again
            return url

        yield empty


def _delete_rows(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())


def forget_on_crash(server: PostgresqlServer) -> None:
    """Let a server answer before its data is on disk; tests that crash a server start their own."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET synchronous_commit = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")


def name_of(url: str) -> str | None:
    """Return the name of the database in a URL."""
    return make_url(url).database


@contextmanager
def new_mssql_database(server: str, purpose: str) -> Iterator[str]:
    """Create a database on a SQL Server, yield its URL, and drop it at the end."""
    name = f"tradecapture_{purpose}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    execute_on_mssql(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    execute_on_mssql(
        server,
        f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
        f"DROP DATABASE {name}",
    )


def execute_on_mssql(server: str, *statements: str) -> None:
    """Execute statements outside a transaction: SQL Server refuses CREATE DATABASE in one."""
    url = make_url(server).set(drivername="mssql+pymssql")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
