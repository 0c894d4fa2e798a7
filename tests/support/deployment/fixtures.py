"""Fixtures that give each test its own deployment and history."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployment.deployment import POSTGRESQL, SQLITE, Deployment
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
