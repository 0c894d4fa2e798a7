"""Unpack and run previous releases, whose code is in the repository's Git history."""

import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, Self

import pytest

from tests.support import ROOT
from tests.support.api.servers import API, ApiServer
from tests.support.ledger.bare_database import SCHEMA_0_1_0, SCHEMA_0_2_0
from tradecapture.ledger.schema.upgrades import SchemaVersion
from tradecapture.local.servers.worker import LocalWorker

PARTS = ("tradecapture", "workers", "celeryconfig.py")


class PreviousRelease(NamedTuple):
    """A release that may run beside this one."""

    version: str
    commit: str  # the released commit
    schema: SchemaVersion  # after its `db upgrade` of an empty database

    def unpack(self, folder: Path) -> None:
        """Write the release's code into a folder; skip the test if the clone lacks its commit."""
        archive = subprocess.run(
            ["git", "-C", ROOT, "archive", self.commit, *PARTS], capture_output=True, check=False
        )
        if archive.returncode:
            pytest.skip(
                f"this clone has no commit {self.commit} (release {self.version}): "
                f"{archive.stderr.decode().strip()}; clone it with its history"
            )
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")


# Every release that may run beside this one. Each new release adds its predecessor only here.
FIRST_RELEASE = PreviousRelease("0.1.0", "ec643b9", SCHEMA_0_1_0)
PREVIOUS_RELEASES = (FIRST_RELEASE, PreviousRelease("0.2.0", "609f0de", SCHEMA_0_2_0))


class UnpackedRelease(NamedTuple):
    """A previous release and the folder of its code."""

    release: PreviousRelease
    code: Path

    @property
    def version(self) -> str:
        """The release's version."""
        return self.release.version


class ReleaseWorker(LocalWorker):
    """A worker that runs the code in a folder."""

    def __init__(
        self, name: str, log: Path, environment: Mapping[str, str], code: Path, app: str
    ) -> None:
        super().__init__(name, log, {**environment, "PYTHONPATH": str(code)}, app=app)
        self._code = code

    def launch(self) -> Self:
        """Start the worker without waiting; see `wait_ready`."""
        self._started_at = self.log.stat().st_size if self.log.exists() else 0
        # `python -m` imports from the current folder first.
        self._run(self._command, env=self._environment, cwd=self._code)
        return self


class ReleaseApi(ApiServer):
    """An API that runs the code in a folder."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], code: Path, app: str = API
    ) -> None:
        """Prepare to serve the code in a folder."""
        super().__init__(folder, {**environment, "PYTHONPATH": str(code)}, app)
        self.root = code

    def run_code_of(self, code: Path) -> None:
        """Start again on the same port with the code of another release."""
        self.root = code
        self._environment = {**self._environment, "PYTHONPATH": str(code)}
        self.start()
