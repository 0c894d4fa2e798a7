"""The user, the signals, the contents and the labels of the project's image."""

from collections.abc import Callable

import pytest

from tests.support.deployment.containers.docker import DockerError, docker, inspect_object
from tradecapture.version import VERSION

pytestmark = pytest.mark.docker

PYTHON = "python:3.11-slim"
MAX_BYTES = 300 * 2**20  # above its base image; a compiler or a second copy would exceed it


def test_it_runs_without_root_and_writes_nowhere(image: str) -> None:
    """The image's user is a number, which Kubernetes can check, and can write to no file."""
    assert inspect_object(image)["Config"]["User"] == "10001:10001"
    conditions = ("/opt/tradecapture", "-writable", "-not", "-type", "l")
    writable_files = docker("run", "--rm", image, "find", *conditions)
    assert writable_files == ""


def test_signals_reach_the_main_process(image: str) -> None:
    """The command and the health check are lists, so no shell receives the signals instead."""
    config = inspect_object(image)["Config"]
    assert config["Cmd"][0] == "uvicorn"
    assert config["Entrypoint"] is None
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert config["StopSignal"] == "SIGTERM"


def test_it_carries_what_runs_and_no_tools(image: str, figure: Callable[[str], None]) -> None:
    """The image has this release and no pip, pytest or tests, and stays below its size limit."""
    assert VERSION in docker("run", "--rm", image, "tradecapture", "--version")
    parts = "import workers, celeryconfig, tradecapture.api.app"
    docker("run", "--rm", image, "python", "-c", parts)
    for absent in ("pip", "pytest", "tests"):
        with pytest.raises(DockerError, match="ModuleNotFoundError"):
            docker("run", "--rm", image, "python", "-c", f"import {absent}")
    size, base_size = (int(inspect_object(name)["Size"]) for name in (image, PYTHON))
    figure(
        f"image: {size / 2**20:.0f} MiB, {(size - base_size) / 2**20:.0f} of them above its base"
    )
    assert size - base_size < MAX_BYTES


def test_it_says_what_it_is(image: str) -> None:
    """The image has OCI labels for its title, licence and version."""
    labels = inspect_object(image)["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "tradecapture"
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
