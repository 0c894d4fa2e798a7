"""Images that the tests need; a test is skipped, with the reason, where one is missing."""

from pathlib import Path

import pytest

from tests.support.deployment.containers.docker import IMAGE
from tests.support.deployment.containers.images import NGINX, POSTGRESQL, REDIS, SQL_SERVER, needs
from tests.support.history.history import History


@pytest.fixture
def history(tmp_path: Path) -> History:
    """What was answered, and what was broken."""
    return History(tmp_path / "history")


@pytest.fixture(scope="session")
def image() -> str:
    """The project's image."""
    needs()
    return IMAGE


@pytest.fixture(scope="session")
def nginx_image() -> str:
    """nginx, beside the project's image."""
    needs(NGINX)
    return NGINX


@pytest.fixture(scope="session")
def scaled_images() -> None:
    """What a scaled deployment on PostgreSQL needs."""
    needs(NGINX, POSTGRESQL, REDIS)


@pytest.fixture(scope="session")
def usual_images() -> None:
    """What the usual deployment needs."""
    needs(SQL_SERVER, REDIS)
