"""Images that the compose files name, and the skip where one is missing."""

import pytest

from tests.support.deployment.containers.docker import IMAGE, why_not

SQL_SERVER = "mcr.microsoft.com/mssql/server:2022-latest"
NGINX = "nginx:1.30"
POSTGRESQL = "postgres:18"
REDIS = "redis:7"


def needs(*images: str) -> None:
    """Skip the test that asks if one of the images is not here."""
    if reason := why_not(IMAGE, *images):
        pytest.skip(reason)
