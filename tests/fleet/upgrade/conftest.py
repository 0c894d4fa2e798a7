"""Fixtures: previous releases, databases with their schemas, and fleets of two releases."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.support.deployment.deployment import Deployment
from tests.support.deployment.fixtures import deployment, history
from tests.support.deployment.releases.mixed_fleet import MixedFleet
from tests.support.deployment.releases.previous import (
    FIRST_RELEASE,
    PREVIOUS_RELEASES,
    PreviousRelease,
    UnpackedRelease,
)
from tests.support.ledger.bare_database import migrate
from tradecapture.ledger.engine import open_engine

__all__ = ["deployment", "history"]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[PreviousRelease], Path]:
    """Return a function that unpacks a release once a session, and returns its folder."""

    @cache
    def unpack(release: PreviousRelease) -> Path:
        folder = tmp_path_factory.mktemp("previous")
        release.unpack(folder)
        return folder

    return unpack


@pytest.fixture(params=PREVIOUS_RELEASES, ids=[release.version for release in PREVIOUS_RELEASES])
def previous(
    request: pytest.FixtureRequest, unpacked: Callable[[PreviousRelease], Path]
) -> UnpackedRelease:
    """Each previous release in turn."""
    return UnpackedRelease(request.param, unpacked(request.param))


@pytest.fixture
def first(unpacked: Callable[[PreviousRelease], Path]) -> UnpackedRelease:
    """Release 0.1.0, whose schema lacks what this release needs."""
    return UnpackedRelease(FIRST_RELEASE, unpacked(FIRST_RELEASE))


@pytest.fixture
def engine(deployment: Deployment) -> Iterator[Engine]:
    """An engine of the ledger's database, with which a test migrates the schema."""
    with open_engine(deployment.settings, pool_size=2) as (engine, _dialect):
        yield engine


@pytest.fixture
def previous_schema(engine: Engine, previous: UnpackedRelease) -> Engine:
    """An engine of a database that has the schema of the previous release."""
    return _with_schema_of(previous.release, engine)


@pytest.fixture
def first_schema(engine: Engine) -> Engine:
    """An engine of a database that has the schema of release 0.1.0."""
    return _with_schema_of(FIRST_RELEASE, engine)


@pytest.fixture
def fleet(deployment: Deployment) -> Iterator[MixedFleet]:
    """A fleet to which a test adds workers and APIs of two releases."""
    with MixedFleet(deployment) as fleet:
        yield fleet


def _with_schema_of(release: PreviousRelease, engine: Engine) -> Engine:
    migrate(engine, release.schema)
    if release is FIRST_RELEASE:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE schema_expansion")  # 0.1.0 has no such table
    return engine
