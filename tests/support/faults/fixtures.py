"""Fixtures of step-by-step scenarios, each on its own deployment and history."""

import pytest

from tests.support.deployment.deployment import Deployment
from tests.support.faults.scenario import Scenario
from tests.support.history.history import History


@pytest.fixture
def scenario(deployment: Deployment, history: History) -> Scenario:
    """A scenario on each database in turn."""
    return Scenario(deployment, history)


@pytest.fixture
def sqlite_scenario(sqlite_deployment: Deployment, history: History) -> Scenario:
    """A scenario on SQLite, which starts faster, for tests that do not depend on the database."""
    return Scenario(sqlite_deployment, history)


@pytest.fixture
def postgresql_scenario(postgresql_deployment: Deployment, history: History) -> Scenario:
    """A scenario on PostgreSQL."""
    return Scenario(postgresql_deployment, history)
