"""Docker's own command line, and what a test asks it."""

import json
import shutil
import subprocess
from functools import cache
from typing import Any

from tests.support import ROOT

IMAGE = "tradecapture:local"
# An engine on a machine that others use too; nothing here waits for as long when all is well.
MAX_SECONDS = 300


class DockerError(AssertionError):
    """A command of Docker failed; the message is what it printed."""


def run(*command: str, seconds: float = MAX_SECONDS, **options: Any) -> str:
    """Run a command and return its output.

    Raises:
        DockerError: it failed.
    """
    ended: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, cwd=ROOT, check=False, **options
    )
    if ended.returncode:
        raise DockerError(f"{' '.join(command)}: {ended.stdout[-2000:]}{ended.stderr[-4000:]}")
    return ended.stdout


def docker(*words: str) -> str:
    """Run a command of Docker; return its output."""
    return run("docker", *words).strip()


def inspected(name: str) -> dict[str, Any]:
    """Return what the engine knows of a container or an image."""
    found: dict[str, Any] = json.loads(docker("inspect", name))[0]
    return found


@cache
def why_not(*images: str) -> str:
    """Return why tests with these images cannot run here; empty: they can."""
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
