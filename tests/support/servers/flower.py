"""Runs Flower with `celery -A workers flower`, as the fleet does."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.support import ROOT
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.server import LocalServer

REQUEST_TIMEOUT_SECONDS = 10.0  # long, for a machine that is busy with other tests


class Flower(LocalServer):
    """A Flower server on a free port."""

    name = "flower"

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        super().__init__(log)
        self._environment = {**environment, "FLOWER_UNAUTHENTICATED_API": "true"}
        self._port = free_port()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            LocalServerError: Flower did not answer in time.
        """
        options = [f"--address={LOOPBACK}", f"--port={self._port}", "--logging=debug"]
        self._run(
            [sys.executable, "-m", "celery", "-A", "workers", "flower", *options],
            env=self._environment,
            cwd=ROOT,
        )
        if not self._becomes_ready():
            raise self._failure()

    def page(self, path: str) -> str:
        """Return the HTML of one of its pages."""
        return httpx.get(self.url + path, timeout=REQUEST_TIMEOUT_SECONDS).text

    def queues(self) -> Any:
        """Return the queues and their lengths, which its API gets from the broker."""
        response = httpx.get(f"{self.url}/api/queues/length", timeout=REQUEST_TIMEOUT_SECONDS)
        return response.json()["active_queues"]

    def _is_ready(self) -> bool:
        try:
            httpx.get(f"{self.url}/healthcheck", timeout=2)
        except httpx.HTTPError:
            return False
        return True
