"""A ledger on each database in turn, and one on PostgreSQL for what needs real concurrency."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, make_url

from tradecapture.ledger import Ledger, LedgerReader
from tradecapture.settings import Settings

MakeLedger = Callable[..., Ledger]


@pytest.fixture
def ledger(ledger_settings: Settings) -> Iterator[Ledger]:
    """An empty ledger."""
    ledger = Ledger(ledger_settings)
    yield ledger
    ledger.dispose()


@pytest.fixture
def reader(ledger: Ledger) -> LedgerReader:
    """Its reading side."""
    return LedgerReader(ledger.engine, ledger.dialect)


@pytest.fixture
def postgresql_settings(settings: Settings, postgresql_url: str) -> Settings:
    """Settings of a deployment on an empty PostgreSQL."""
    return replace(settings, database_url=postgresql_url)


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
