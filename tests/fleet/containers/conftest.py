"""Fixtures that name the images that a test needs; the test is skipped if one is missing."""

from pathlib import Path

import pytest

from tests.support.deployment.containers.docker import IMAGE
from tests.support.deployment.containers.images import (
    NGINX,
    POSTGRESQL,
    REDIS,
    SQL_SERVER,
    require_images,
)
from tests.support.history.history import History


@pytest.fixture
def history(tmp_path: Path) -> History:
    """The record of the responses that clients got and of the faults."""
    return History(tmp_path / "history")


@pytest.fixture(scope="session")
def image() -> str:
    """The project's image."""
    require_images()
    return IMAGE


@pytest.fixture(scope="session")
def nginx_image() -> str:
    """The nginx image; the test also needs the project's image."""
    require_images(NGINX)
    return NGINX


@pytest.fixture(scope="session")
def scaled_images() -> None:
    """The images of a scaled deployment on PostgreSQL."""
    require_images(NGINX, POSTGRESQL, REDIS)


@pytest.fixture(scope="session")
def usual_images() -> None:
    """The images of the default deployment, which is on SQL Server."""
    require_images(SQL_SERVER, REDIS)
