"""A stand-in for SQL Server whose faults, journal and logins a test may look at and change."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.support.ledger.sql_server_driver import DATABASE, connect
from tests.support.tds import TdsServer
from tests.support.tds.faults import nothing
from tradecapture.ledger import Ledger, upgrade
from tradecapture.ledger.engine import make_engine
from tradecapture.ledger.schema.tables import metadata
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.settings import Settings


@pytest.fixture(scope="session")
def tds_server(postgresql_server: PostgresqlServer) -> Iterator[TdsServer]:
    """A stand-in with the ledger's tables in a database of its own."""
    with TdsServer(postgresql_server.url) as server:
        administrator = create_engine(
            server.url.replace("mssql:", "mssql+pymssql:"), isolation_level="AUTOCOMMIT"
        )
        with administrator.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {DATABASE}"))
        administrator.dispose()
        engine, _dialect = make_engine(server.url_of(DATABASE), pool_size=1, timeout_seconds=10)
        upgrade(engine)
        engine.dispose()
        yield server


@pytest.fixture
def server(tds_server: TdsServer) -> Iterator[TdsServer]:
    """The stand-in, without faults, with empty tables and an empty journal."""
    tds_server.faults = nothing
    engine, _dialect = make_engine(tds_server.url_of(DATABASE), pool_size=1, timeout_seconds=10)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    engine.dispose()
    tds_server.journal.clear()
    tds_server.logins.clear()
    yield tds_server
    tds_server.faults = nothing


@pytest.fixture
def ledger(server: TdsServer, settings: Settings) -> Iterator[Ledger]:
    """An empty ledger on it, with one connection."""
    url = server.url_of(DATABASE)
    ledger = Ledger(replace(settings, database_url=url, pool_size=1, retry_attempts=5))
    yield ledger
    ledger.dispose()


@pytest.fixture
def engine(server: TdsServer) -> Iterator[Engine]:
    """Connections to it as the product makes them."""
    engine, _dialect = make_engine(server.url_of(DATABASE), pool_size=5, timeout_seconds=10)
    yield engine
    engine.dispose()


@pytest.fixture
def connections(server: TdsServer) -> Iterator["list[Any]"]:
    """Two connections of the driver itself, with the ledger's properties."""
    opened = [connect(server), connect(server)]
    yield opened
    for connection in opened:
        connection.close()
