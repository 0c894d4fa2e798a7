"""Run Docker commands, and find out whether docker tests can run here."""

import json
import shutil
import subprocess
from functools import cache
from typing import Any

from tests.support import ROOT

IMAGE = "tradecapture:local"
MAX_SECONDS = 300  # for one command, on a machine that is busy with other tests


class DockerError(AssertionError):
    """A command of Docker failed. The message is what the command printed."""


def run(*command: str, seconds: float = MAX_SECONDS, **options: Any) -> str:
    """Run a command and return its output.

    Raises:
        DockerError: the command failed.
    """
    process: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, cwd=ROOT, check=False, **options
    )
    if process.returncode:
        raise DockerError(f"{' '.join(command)}: {process.stdout[-2000:]}{process.stderr[-4000:]}")
    return process.stdout


def docker(*words: str) -> str:
    """Run a Docker command and return its output."""
    return run("docker", *words).strip()


def inspect_object(name: str) -> dict[str, Any]:
    """Return the engine's description of a container or an image."""
    description: dict[str, Any] = json.loads(docker("inspect", name))[0]
    return description


@cache
def skip_reason(*images: str) -> str:
    """Return why tests with these images cannot run here, or an empty text if they can."""
    if shutil.which("docker") is None:
        return "docker tests skipped: no docker on PATH"
    try:
        docker("info")
    except (DockerError, subprocess.TimeoutExpired):
        return "docker tests skipped: no Docker engine answers"
    for image in images:
        try:
            docker("image", "inspect", image)
        except DockerError:
            return f"docker tests skipped: no image {image}; run scripts/containers-for-tests"
    return ""
