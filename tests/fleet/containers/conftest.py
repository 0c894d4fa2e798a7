"""Skips what needs an engine or an image that is not here, and says which."""

from pathlib import Path

import pytest

from tests.support.containers.docker import IMAGE, why_not
from tests.support.history.history import History

SQL_SERVER = "mcr.microsoft.com/mssql/server:2022-latest"
NGINX = "nginx:1.30"
POSTGRESQL = "postgres:18"
REDIS = "redis:7"


def needs(*images: str) -> None:
    """Skip the test that asks if one of the images is not here."""
    if reason := why_not(IMAGE, *images):
        pytest.skip(reason)


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
