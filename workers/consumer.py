"""The consumer of a worker's main process: Celery's, which soon finds a broker that is back."""

import random
from collections.abc import Callable
from typing import Any

import structlog
from celery.utils.log import get_logger
from celery.worker import consumer

from tradecapture.capture.messages import TASK_PREFIX
from workers.heartbeat import beat

RECONNECT_SECONDS = 1.0  # after a long outage Celery would wait half a minute for the next look
# Before a task that is not known here is offered to other workers again; spread, so that it does
# not come back in step with this worker, which would take it for ever.
PUT_BACK_SECONDS = (0.5, 2.0)

log = structlog.get_logger(__name__)


class Consumer(consumer.Consumer):
    """A consumer that looks for its broker every second, and drops no task of a newer release."""

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once it is there."""
        ensure_connection = conn.ensure_connection

        def look_often(*arguments: Any, callback: Callable[[], None], **options: Any) -> Any:
            def turn() -> None:  # after each look, and every second between two
                beat()
                callback()

            return ensure_connection(
                *arguments,
                callback=turn,
                interval_start=RECONNECT_SECONDS,
                interval_step=0,
                interval_max=RECONNECT_SECONDS,
                **options,
            )

        conn.ensure_connection = look_often
        return super().ensure_connected(conn)

    def on_unknown_task(self, body: Any, message: Any, error: Exception) -> None:
        """Put a task of ours that this release does not know back, for workers of a newer one.

        Celery rejects what it does not know, and the message is gone; tasks of others still are.
        """
        name = str(message.headers.get("task"))
        if not name.startswith(TASK_PREFIX):
            super().on_unknown_task(body, message, error)
            return
        log.warning("task left for workers of a newer release", task=name)
        self.qos.increment_eventually()  # it waits here, and is to keep no bell from coming
        seconds = random.uniform(*PUT_BACK_SECONDS)  # noqa: S311 - only spreads
        self.timer.call_after(seconds, self._put_back, (message,))

    def _put_back(self, message: Any) -> None:
        # Should the connection be gone, the broker itself puts it back.
        message.reject_log_error(get_logger(__name__), self.connection_errors, requeue=True)
        self.qos.decrement_eventually()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give up a lost connection; with a broker that is silent this takes many seconds."""
        beat()
        super().on_connection_error_after_connected(exc)
        beat()
