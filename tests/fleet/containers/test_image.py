"""The image: who runs in it, what is in it, what is not."""

from collections.abc import Callable

import pytest

from tests.support.deployment.containers.docker import DockerError, docker, inspected
from tradecapture.version import VERSION

pytestmark = pytest.mark.docker

PYTHON = "python:3.11-slim"
MAX_BYTES = 300 * 2**20  # above its base; a compiler or a second copy would break it


def test_it_runs_without_root_and_writes_nowhere(image: str) -> None:
    """Its user is a number that Kubernetes can judge, and owns no file of the image."""
    assert inspected(image)["Config"]["User"] == "10001:10001"
    where = ("/opt/tradecapture", "-writable", "-not", "-type", "l")
    owned = docker("run", "--rm", image, "find", *where)
    assert owned == ""


def test_signals_reach_the_main_process(image: str) -> None:
    """No shell stands between: command and health check are lists."""
    configured = inspected(image)["Config"]
    assert configured["Cmd"][0] == "uvicorn"
    assert configured["Entrypoint"] is None
    assert configured["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert configured["StopSignal"] == "SIGTERM"


def test_it_carries_what_runs_and_no_tools(image: str, figure: Callable[[str], None]) -> None:
    """This release's command, the worker's app, no pip, no tests; its size stays small."""
    assert VERSION in docker("run", "--rm", image, "tradecapture", "--version")
    parts = "import workers, celeryconfig, tradecapture.api.app"
    docker("run", "--rm", image, "python", "-c", parts)
    for absent in ("pip", "pytest", "tests"):
        with pytest.raises(DockerError, match="ModuleNotFoundError"):
            docker("run", "--rm", image, "python", "-c", f"import {absent}")
    whole, base = (int(inspected(name)["Size"]) for name in (image, PYTHON))
    figure(f"image: {whole / 2**20:.0f} MiB, {(whole - base) / 2**20:.0f} of them above its base")
    assert whole - base < MAX_BYTES


def test_it_says_what_it_is(image: str) -> None:
    """OCI labels: title, licence, version."""
    labels = inspected(image)["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "tradecapture"
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
