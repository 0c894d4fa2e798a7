"""The local worker: a real Celery worker of the fleet, watched until ready, stopped or killed."""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tradecapture.local.servers.server import LocalServer

FLEET = "workers"  # the fleet's Celery app


def worker_command(name: str, concurrency: int, app: str = FLEET) -> list[str]:
    """Return the command line of a worker.

    Without gossip and mingle: they only cost time when many workers start, and nothing here asks
    for them.
    """
    options = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    node = ["--hostname", f"{name}@%h", "--concurrency", str(concurrency)]
    return [sys.executable, "-m", "celery", "-A", app, "worker", *node, *options]


class LocalWorker(LocalServer):
    """One worker: a main process and its pool, in a session of their own."""

    def __init__(
        self,
        name: str,
        log: Path,
        environment: Mapping[str, str],
        *,
        concurrency: int = 1,
        app: str = FLEET,
    ) -> None:
        self.name = name
        super().__init__(log)
        self._environment = {**os.environ, **environment}
        self._command = worker_command(name, concurrency, app)

    def launch(self) -> Self:
        """Start without waiting; see `wait_ready`."""
        self._started_at = self.log.stat().st_size if self.log.exists() else 0
        self._run(self._command, env=self._environment)
        return self

    def wait_ready(self) -> Self:
        """Wait until the worker consumes.

        Raises:
            LocalServerError: it ended, or took too long; its log is shown.
        """
        if not self._becomes_ready():
            raise self._failure()
        return self

    def start(self) -> None:
        """Start the worker and wait until it consumes."""
        self.launch().wait_ready()

    def kill(self) -> None:
        """Kill the main process and its pool at once, as the loss of a machine would."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        return b" ready." in self.log.read_bytes()[self._started_at :]
