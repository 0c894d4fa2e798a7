"""Fixtures of step-by-step scenarios, each on its own deployment and history."""

import pytest

from tests.support.deployment.deployment import Deployment
from tests.support.faults.scenario import Scene
from tests.support.history.history import History


@pytest.fixture
def scene(deployment: Deployment, history: History) -> Scene:
    """A scenario on each database in turn."""
    return Scene(deployment, history)


@pytest.fixture
def sqlite_scene(sqlite_deployment: Deployment, history: History) -> Scene:
    """A scenario on SQLite, which starts faster, for tests that do not depend on the database."""
    return Scene(sqlite_deployment, history)


@pytest.fixture
def postgresql_scene(postgresql_deployment: Deployment, history: History) -> Scene:
    """A scenario on PostgreSQL."""
    return Scene(postgresql_deployment, history)
