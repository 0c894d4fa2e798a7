"""The heartbeat: a file that the main process touches while its loop runs.

A probe checks the age of the file. It needs no Python, and it needs no broker, so an outage of the
broker restarts no worker: the heart also beats while the consumer reconnects. The heartbeat stops
if the main process hangs or is stopped. It says nothing of the pool's processes. If one of them
hangs, its lease ends, and another worker captures its partitions.
"""

from pathlib import Path
from typing import Any

import structlog
from celery import bootsteps

from workers import process

INTERVAL_SECONDS = 1.0  # the probe allows thirty, so a few missed beats do no harm

log = structlog.get_logger(__name__)


def beat() -> None:
    """Touch the heartbeat file, if the settings name one."""
    file = process.settings().heartbeat_file
    if not file:
        return
    try:
        Path(file).touch()
    except OSError as error:
        # The worker continues. The probe fails, and names the file.
        log.warning("heartbeat cannot be written", file=file, error=str(error))


class Heartbeat(bootsteps.StartStopStep):
    """A step of the worker that runs on its timer. A step of the consumer would end with it."""

    requires = ("celery.worker.components:Hub",)

    def start(self, worker: Any) -> None:
        """Start the timer."""
        beat()
        worker.timer.call_repeatedly(INTERVAL_SECONDS, beat)
