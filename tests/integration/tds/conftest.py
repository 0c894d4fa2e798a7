"""A stand-in for SQL Server whose faults, journal and logins a test may look at and change."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.support.ledger.sql_server_driver import DATABASE, connect, settings_of
from tests.support.tds import TdsServer
from tests.support.tds.faults import no_fault
from tradecapture.ledger import Ledger, upgrade
from tradecapture.ledger.engine import open_engine
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
        with open_engine(settings_of(server)) as (engine, _dialect):
            upgrade(engine)
        yield server


@pytest.fixture
def server(tds_server: TdsServer) -> Iterator[TdsServer]:
    """The stand-in, without faults, with empty tables and an empty journal."""
    tds_server.faults = no_fault
    with (
        open_engine(settings_of(tds_server)) as (engine, _dialect),
        engine.begin() as connection,
    ):
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    tds_server.journal.clear()
    tds_server.logins.clear()
    yield tds_server
    tds_server.faults = no_fault


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
    with open_engine(settings_of(server), pool_size=5) as (engine, _dialect):
        yield engine


@pytest.fixture
def connections(server: TdsServer) -> Iterator["list[Any]"]:
    """Two connections of the driver itself, with the ledger's properties."""
    opened = [connect(server), connect(server)]
    yield opened
    for connection in opened:
        connection.close()
