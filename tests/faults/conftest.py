"""Deployments of a test's own, whose logs are shown when it fails."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support.deployment.deployment import POSTGRESQL, SQLITE, Deployment
from tests.support.faults.scenario import Scene
from tests.support.history.history import History


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment without workers and APIs, on each database in turn."""
    with Deployment(tmp_path / "deployment", request.param) as deployment:
        yield deployment


@pytest.fixture
def sqlite_deployment(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment without workers and APIs, on SQLite."""
    with Deployment(tmp_path / "deployment", SQLITE) as deployment:
        yield deployment


@pytest.fixture
def postgresql_deployment(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment without workers and APIs, on PostgreSQL."""
    with Deployment(tmp_path / "deployment", POSTGRESQL) as deployment:
        yield deployment


@pytest.fixture
def history(tmp_path: Path) -> History:
    """An empty history."""
    return History(tmp_path / "history")


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of a failed test's logs: its processes tell what it did not see."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Deployment):
                report.sections += [
                    (f"log: {name}", tail) for name, tail in value.log_tails().items()
                ]
    return report
