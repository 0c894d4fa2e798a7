"""A fleet of real workers on a real Redis and a ledger on SQLite: the database does not matter."""

import shutil
from pathlib import Path

import pytest

from tests.fleet.workers.conftest import fleet_settings, gateway, start_worker
from tests.integration.api.conftest import quiet
from tests.integration.cli.conftest import deployment, run

__all__ = [
    "gateway",
    "deployment",
    "fleet_settings",
    "ledger_url",
    "quiet",
    "run",
    "start_worker",
]


@pytest.fixture
def ledger_url(sqlite_database: Path, tmp_path: Path) -> str:
    """The URL of an empty ledger."""
    return f"sqlite:///{shutil.copy(sqlite_database, tmp_path / 'ledger.db')}"
