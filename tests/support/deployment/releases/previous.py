"""The previous release: its code as it was released, out of the repository's own history."""

import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Self

import pytest

from tests.support import ROOT
from tests.support.api.servers import API, ApiServer
from tradecapture.local.servers.worker import LocalWorker

# What was released as 0.1.0. The next release names its predecessor here, and nowhere else.
PREVIOUS_RELEASE, PREVIOUS_COMMIT = "0.1.0", "ec643b9"

PARTS = ("tradecapture", "workers", "celeryconfig.py")


def unpack_previous(folder: Path) -> Path:
    """Write the previous release's code into a folder; skip the test where there is no history."""
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", PREVIOUS_COMMIT, *PARTS], capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip(
            f"this clone has no commit {PREVIOUS_COMMIT} (release {PREVIOUS_RELEASE}): "
            f"{archive.stderr.decode().strip()}; clone it with its history"
        )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


class ReleaseWorker(LocalWorker):
    """A worker that runs the code of a folder."""

    def __init__(
        self, name: str, log: Path, environment: Mapping[str, str], code: Path, app: str
    ) -> None:
        super().__init__(name, log, {**environment, "PYTHONPATH": str(code)}, app=app)
        self._code = code

    def launch(self) -> Self:
        """Start without waiting; see `wait_ready`."""
        self._started_at = self.log.stat().st_size if self.log.exists() else 0
        # `python -m` looks into the current folder first.
        self._run(self._command, env=self._environment, cwd=self._code)
        return self


class ReleaseApi(ApiServer):
    """An API that runs the code of a folder."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], code: Path, app: str = API
    ) -> None:
        """Prepare to serve."""
        super().__init__(folder, {**environment, "PYTHONPATH": str(code)}, app)
        self.root = code

    def run_code_of(self, code: Path) -> None:
        """Start again on the same port with another release's code."""
        self.root = code
        self._environment = {**self._environment, "PYTHONPATH": str(code)}
        self.start()
