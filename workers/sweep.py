"""The sweep: every worker looks twice a second for overdue lanes without a bell, and rings.

It runs in each worker's main process, not in beat: there is no single process to lose. It covers
an API that died between append and bell, a lost Celery message, a dead worker's lease, and a
retry whose backoff has passed.
"""

from typing import Any

import structlog
from celery import bootsteps
from redis.exceptions import RedisError

from tradecapture.capture.bell import Bell
from tradecapture.inbox import Inbox
from tradecapture.inbox.entry import newest_format
from tradecapture.version import RELEASE
from workers import process

log = structlog.get_logger(__name__)


class Sweep(bootsteps.StartStopStep):
    """A step of the consumer, on its timer."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """Prepare; connections are made at the first look."""
        super().__init__(consumer, **options)
        settings = process.settings()
        self._every_seconds = settings.sweep_seconds
        self._inbox = Inbox.connect(settings)
        self._bell = Bell(consumer.app, self._inbox)
        self._timer_entry: Any = None

    def info(self, _consumer: Any) -> dict[str, Any]:
        """Return what this worker adds to `celery inspect stats`: which release it is."""
        return {"tradecapture": {"release": RELEASE, "inboxFormat": newest_format()}}

    def start(self, consumer: Any) -> None:
        """Begin to look."""
        self._timer_entry = consumer.timer.call_repeatedly(self._every_seconds, self.ring_overdue)

    def stop(self, consumer: Any) -> None:
        """Look no more."""
        if self._timer_entry is not None:
            self._timer_entry.cancel()
            self._timer_entry = None

    def ring_overdue(self) -> None:
        """Ring every lane that has something overdue and no bell."""
        try:
            self._bell.ring(self._inbox.reserve_bells())
        except RedisError as error:
            log.warning("sweep could not look", error=str(error))
