"""Scenarios on each database: a deployment with a history of its own."""

import pytest

from tests.support.deployment.deployment import Deployment
from tests.support.faults.scenario import Scene
from tests.support.history.history import History


@pytest.fixture
def scene(deployment: Deployment, history: History) -> Scene:
    """A scene on each database in turn."""
    return Scene(deployment, history)


@pytest.fixture
def sqlite_scene(sqlite_deployment: Deployment, history: History) -> Scene:
    """A scene on SQLite, which starts sooner, for what has nothing to do with the database."""
    return Scene(sqlite_deployment, history)


@pytest.fixture
def postgresql_scene(postgresql_deployment: Deployment, history: History) -> Scene:
    """A scene on PostgreSQL."""
    return Scene(postgresql_deployment, history)
