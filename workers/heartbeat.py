"""The heartbeat: a file that the main process touches as long as its loop turns.

A probe looks at the file's age: it needs no broker, so an outage restarts no worker, and no Python.
It beats while connected (on the worker's timer) and while looking for a broker that is away (in the
consumer). A main process that hangs or is stopped no longer beats. What it says nothing of are the
pool processes: of one that hangs the lease ends, and another worker captures its partitions.
"""

from pathlib import Path
from typing import Any

import structlog
from celery import bootsteps

from workers import process

EVERY_SECONDS = 1.0  # a probe that allows thirty misses a beat or two without harm

log = structlog.get_logger(__name__)


def beat() -> None:
    """Touch the file, if the settings name one."""
    file = process.settings().heartbeat_file
    if not file:
        return
    try:
        Path(file).touch()
    except OSError as error:
        # Then the probe fails too, and says what it looked for.
        log.warning("heartbeat cannot be written", file=file, error=str(error))


class Heartbeat(bootsteps.StartStopStep):
    """A step of the worker, on its timer: unlike the consumer's, it outlives a lost connection."""

    requires = ("celery.worker.components:Hub",)

    def start(self, worker: Any) -> None:
        """Begin to beat."""
        beat()
        worker.timer.call_repeatedly(EVERY_SECONDS, beat)
