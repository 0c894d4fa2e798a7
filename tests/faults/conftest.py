"""Fixtures of the fault tests: each test gets its own deployment, history and scenario."""

from tests.support.deployment.fixtures import (
    deployment,
    history,
    postgresql_deployment,
    sqlite_deployment,
)
from tests.support.faults.fixtures import postgresql_scenario, scenario, sqlite_scenario

__all__ = [
    "deployment",
    "history",
    "postgresql_deployment",
    "postgresql_scenario",
    "scenario",
    "sqlite_deployment",
    "sqlite_scenario",
]
