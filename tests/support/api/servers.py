"""Run the API and a worker as processes of their own."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.support import ROOT
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.server import LocalServer

API = "tradecapture.api.app:create_app"  # the product's ASGI factory


def environment_of(**settings: str) -> dict[str, str]:
    """Return the environment of a process that has these settings and no others."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TRADECAPTURE_")}
    variables = {f"TRADECAPTURE_{name.upper()}": value for name, value in settings.items()}
    return {**inherited, "PYTHONPATH": str(ROOT), **variables}


class ApiServer(LocalServer):
    """The API on uvicorn."""

    name = "api"
    root = ROOT  # folder of the code that the server runs

    def __init__(self, folder: Path, environment: Mapping[str, str], app: str = API) -> None:
        """Prepare to serve an ASGI factory on a free port."""
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "api.log"
        super().__init__(self.log)
        self._environment, self._app = environment, app
        self._port = free_port()

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"http://{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start the API and wait until it answers.

        Raises:
            LocalServerError: it did not answer in time, or ended.
        """
        options = ["--port", str(self._port), "--no-access-log"]
        self._run(
            [sys.executable, "-m", "uvicorn", "--factory", self._app, *options],
            env=self._environment,
            cwd=self.root,
        )
        if not self._becomes_ready():
            raise self._failure()

    def _is_ready(self) -> bool:
        try:
            httpx.get(f"{self.url}/schema/openapi.json", timeout=2)
        except httpx.HTTPError:
            return False
        return True


class WorkerServer(LocalServer):
    """One Celery worker of the fleet; trades that are accepted before it is ready wait."""

    name = "worker"

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder / "worker.log")
        self._environment = environment

    def start(self) -> None:
        """Start the worker without waiting for it."""
        command = ["-m", "celery", "-A", "workers", "worker", "--concurrency", "1"]
        self._run(
            [sys.executable, *command, "--without-gossip", "--without-mingle"],
            env=self._environment,
            cwd=ROOT,
        )

    def _is_ready(self) -> bool:
        return True
