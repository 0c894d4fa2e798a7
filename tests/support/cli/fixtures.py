"""Fixtures: a deployment without workers, and the command line run against it in this process."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from tests.support.cli.shell import Run
from tradecapture.capture.capture import Capture
from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.cli import cli
from tradecapture.inbox import Inbox
from tradecapture.ledger import Ledger
from tradecapture.settings import Settings


@pytest.fixture
def deployment(
    redis: "Redis", settings: Settings, sqlite_database: Path, tmp_path: Path
) -> Settings:
    """An empty Redis and an empty ledger on SQLite; nobody captures by himself."""
    file = tmp_path / "ledger.db"
    shutil.copy(sqlite_database, file)
    return replace(settings, database_url=f"sqlite:///{file}")


@pytest.fixture
def run(deployment: Settings, tmp_path: Path) -> Run:
    """Runs a command of `tradecapture` on the deployment; `environment` changes its variables."""
    usual = {
        "TRADECAPTURE_REDIS_URL": deployment.redis_url,
        "TRADECAPTURE_DATABASE_URL": deployment.database_url,
        "TRADECAPTURE_LANES": str(deployment.lanes),
        "TRADECAPTURE_CONNECT_SECONDS": "1",
        "TRADECAPTURE_DATA": str(tmp_path / "data"),
    }

    def invoke(*words: str, standard_input: bytes = b"", **environment: str | None) -> Result:
        variables = usual | {f"TRADECAPTURE_{name}": value for name, value in environment.items()}
        return CliRunner().invoke(cli, words, input=standard_input, env=variables)

    return invoke


@pytest.fixture
def capture(deployment: Settings, redis: "Redis") -> Callable[[], None]:
    """Captures everything that waits, as a worker would."""

    def drain() -> None:
        inbox, ledger = Inbox(redis, deployment), Ledger(deployment)
        Capture(inbox, ledger, LeaseRenewer(inbox), owner="test").drain(
            0, "task", budget_seconds=60
        )
        ledger.dispose()

    return drain


@pytest.fixture
def ledger(deployment: Settings) -> Iterator[Ledger]:
    """The deployment's ledger, to look into."""
    ledger = Ledger(deployment)
    yield ledger
    ledger.dispose()
