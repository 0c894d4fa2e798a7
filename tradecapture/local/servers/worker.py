"""A Celery worker of the fleet on this machine: started, stopped or killed."""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tradecapture.local.servers.server import LocalServer

FLEET_APP = "workers"  # as Celery's option --app takes it


def worker_command(name: str, concurrency: int, app: str = FLEET_APP) -> list[str]:
    """Return the command line of a worker.

    Gossip and mingle are off: nothing here uses them, and they cost time when many workers start.
    """
    options = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    node = ["--hostname", f"{name}@%h", "--concurrency", str(concurrency)]
    return [sys.executable, "-m", "celery", "-A", app, "worker", *node, *options]


class LocalWorker(LocalServer):
    """One worker: a main process and its pool processes, in a session of their own."""

    def __init__(
        self,
        name: str,
        log: Path,
        environment: Mapping[str, str],
        *,
        concurrency: int = 1,
        app: str = FLEET_APP,
    ) -> None:
        self.name = name
        super().__init__(log)
        self._environment = {**os.environ, **environment}
        self._command = worker_command(name, concurrency, app)

    def launch(self) -> Self:
        """Start the worker, and do not wait until it is ready; see `wait_ready`."""
        self._started_at = self.log.stat().st_size if self.log.exists() else 0
        self._run(self._command, env=self._environment)
        return self

    def wait_ready(self) -> Self:
        """Wait until the worker consumes.

        Raises:
            LocalServerError: it ended, or took too long; the message has the end of its log.
        """
        if not self._becomes_ready():
            raise self._failure()
        return self

    def start(self) -> None:
        """Start the worker and wait until it consumes."""
        self.launch().wait_ready()

    def kill(self) -> None:
        """Kill the main process and its pool processes at once, as the loss of a machine would."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _is_ready(self) -> bool:
        return b" ready." in self.log.read_bytes()[self._started_at :]
