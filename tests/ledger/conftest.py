"""A ledger on each database in turn, and one on PostgreSQL for what needs real concurrency."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tradecapture.ledger import Ledger, LedgerReader
from tradecapture.settings import Settings


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
