"""Deployments whose schema is the previous release's, and its code."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.support.deployment.deployment import Deployment
from tests.support.deployment.fixtures import deployment, history
from tests.support.deployment.releases.mixed_fleet import MixedFleet
from tests.support.deployment.releases.previous import unpack_previous
from tests.support.ledger.bare_database import RELEASED, migrate
from tradecapture.ledger.engine import open_engine

__all__ = ["deployment", "history"]


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the previous release's code."""
    return unpack_previous(tmp_path_factory.mktemp("previous"))


@pytest.fixture
def engine(deployment: Deployment) -> Iterator[Engine]:
    """The ledger's database, to migrate it."""
    with open_engine(deployment.settings, pool_size=2) as (engine, _dialect):
        yield engine


@pytest.fixture
def old_schema(engine: Engine) -> Engine:
    """It, with the schema of the previous release."""
    migrate(engine, RELEASED)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE schema_expansion")  # which it never had
    return engine


@pytest.fixture
def fleet(deployment: Deployment, previous: Path) -> Iterator[MixedFleet]:
    """A fleet of two releases."""
    with MixedFleet(deployment, previous) as fleet:
        yield fleet
