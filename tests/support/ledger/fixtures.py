"""Ledgers on each database in turn, and on PostgreSQL for tests of real concurrency."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url

from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import open_engine
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.settings import Settings

MakeLedger = Callable[..., OperatorLedger]


@pytest.fixture
def ledger(ledger_settings: Settings) -> Iterator[OperatorLedger]:
    """An empty ledger."""
    ledger = OperatorLedger(ledger_settings)
    yield ledger
    ledger.dispose()


@pytest.fixture
def reader(ledger: OperatorLedger) -> LedgerReader:
    """A reader of the ledger."""
    return LedgerReader(ledger.engine, ledger.dialect)


@pytest.fixture
def postgresql_settings(settings: Settings, postgresql_url: str) -> Settings:
    """Settings of a deployment on an empty PostgreSQL."""
    return replace(settings, database_url=postgresql_url)


@pytest.fixture
def make_ledger(postgresql_settings: Settings) -> Iterator[MakeLedger]:
    """Make ledgers on PostgreSQL, each with its settings and server options."""
    made: list[OperatorLedger] = []

    def make(options: str = "", host: str = "", **changes: Any) -> OperatorLedger:
        url = make_url(postgresql_settings.database_url)
        if options:
            url = url.update_query_dict({"options": options})
        if host:
            url = url.update_query_dict({"host": host})
        database_url = url.render_as_string(hide_password=False)
        made.append(
            OperatorLedger(replace(postgresql_settings, database_url=database_url, **changes))
        )
        return made[-1]

    yield make
    for ledger in made:
        ledger.dispose()


@pytest.fixture
def database(make_ledger: MakeLedger) -> Engine:
    """Connections of another program to the same database."""
    return make_ledger("-c deadlock_timeout=60s").engine


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mssql", marks=pytest.mark.mssql)])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, on each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bare.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        return str(server.new_database(f"bare_{re.sub(r'[^a-z0-9]', '_', tmp_path.name.lower())}"))
    return str(request.getfixturevalue("bare_mssql"))


@pytest.fixture
def bare(bare_url: str) -> Iterator[Engine]:
    """An engine of the database without tables."""
    settings = Settings(database_url=bare_url, connect_seconds=10)
    with open_engine(settings, pool_size=2) as (engine, _dialect):
        yield engine
