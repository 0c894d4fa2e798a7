"""Fixtures of a fleet of real workers on a real Redis; its ledger is on SQLite, the fastest."""

import shutil
from pathlib import Path

import pytest

from tests.support.api.fixtures import quiet
from tests.support.cli.fixtures import deployment, run
from tests.support.deployment.workers import broker, fleet_settings, gateway, start_worker

__all__ = [
    "broker",
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
