"""The images of the compose files, and the skip of tests if one is missing."""

import pytest

from tests.support.deployment.containers.docker import IMAGE, skip_reason

SQL_SERVER = "mcr.microsoft.com/mssql/server:2022-latest"
NGINX = "nginx:1.30"
POSTGRESQL = "postgres:18"
REDIS = "redis:7"


def require_images(*images: str) -> None:
    """Skip the calling test if one of the images or the project's own is missing."""
    if reason := skip_reason(IMAGE, *images):
        pytest.skip(reason)
