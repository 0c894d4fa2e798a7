"""Databases of the ledger for tests: created, given tables, emptied."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url, text

from tests.support.servers.settings import CONNECT_SECONDS
from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import open_engine
from tradecapture.ledger.schema.tables import metadata
from tradecapture.settings import Settings

# Names a SQL Server for the tests; without it they run on the stand-in.
MSSQL_VARIABLE = "TRADECAPTURE_TEST_MSSQL_URL"


def with_tables(url: str) -> str:
    """Create the ledger's tables in a database; return its URL."""
    settings = Settings(database_url=url, connect_seconds=CONNECT_SECONDS)
    with open_engine(settings) as (engine, _dialect):
        upgrade(engine)
    return url


def emptied(url: str) -> str:
    """Delete every row of the ledger's tables; return the database's URL."""
    settings = Settings(database_url=url, connect_seconds=CONNECT_SECONDS)
    with open_engine(settings) as (engine, _dialect), engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    return url


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
