"""The sweep: twice a second, every worker rings the lanes that are overdue and have no bell.

The sweep replaces a bell that was not sent because an API died, and a message that Celery lost. It
also rings for the partitions of a dead worker, and for retries whose delay is over. It runs in the
main process of each worker. Celery beat would be a single process that can fail.
"""

from typing import Any

import structlog
from celery import bootsteps
from redis.exceptions import RedisError

from tradecapture.capture.bell import Bell
from tradecapture.inbox import Inbox
from tradecapture.inbox.entry import newest_format
from tradecapture.version import VERSION
from workers import process

log = structlog.get_logger(__name__)


class Sweep(bootsteps.StartStopStep):
    """A step of Celery's consumer that runs on its timer."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """Prepare. The first sweep connects."""
        super().__init__(consumer, **options)
        settings = process.settings()
        self._interval_seconds = settings.sweep_seconds
        self._inbox = Inbox.connect(settings)
        self._bell = Bell(consumer.app, self._inbox)
        self._timer_entry: Any = None

    def info(self, _consumer: Any) -> dict[str, Any]:
        """Return what this worker adds to `celery inspect stats`; `doctor` reads it."""
        return {"tradecapture": {"release": VERSION, "inboxFormat": newest_format()}}

    def start(self, consumer: Any) -> None:
        """Start the timer."""
        self._timer_entry = consumer.timer.call_repeatedly(
            self._interval_seconds, self.ring_overdue
        )

    def stop(self, consumer: Any) -> None:
        """Stop the timer."""
        if self._timer_entry is not None:
            self._timer_entry.cancel()
            self._timer_entry = None

    def ring_overdue(self) -> None:
        """Ring every lane that is overdue and has no bell."""
        try:
            self._bell.ring(self._inbox.reserve_bells())
        except RedisError as error:
            log.warning("sweep failed; the next one rings", error=str(error))
