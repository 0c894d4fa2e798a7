"""The consumer of a worker's main process: Celery's, with two changes (see `Consumer`)."""

import random
from collections.abc import Callable
from typing import Any

import structlog
from celery.utils.log import get_logger
from celery.worker import consumer

from tradecapture.capture.messages import TASK_PREFIX
from workers.heartbeat import beat

# Celery waits longer after each attempt: half a minute after a long outage.
RECONNECT_INTERVAL_SECONDS = 1.0
# How long this worker keeps a task that it does not know before it requeues it. The delay is
# random: otherwise the task could return in step with this worker, which would always get it.
REQUEUE_DELAY_SECONDS = (0.5, 2.0)

log = structlog.get_logger(__name__)


class Consumer(consumer.Consumer):
    """A consumer that retries its broker every second, and drops no task of a newer release."""

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once the broker answers; the heart beats in the meantime."""
        ensure_connection = conn.ensure_connection

        def retry_often(*arguments: Any, callback: Callable[[], None], **options: Any) -> Any:
            def beat_and_call_back() -> None:  # after each attempt, and every second between two
                beat()
                callback()

            return ensure_connection(
                *arguments,
                callback=beat_and_call_back,
                interval_start=RECONNECT_INTERVAL_SECONDS,
                interval_step=0,
                interval_max=RECONNECT_INTERVAL_SECONDS,
                **options,
            )

        conn.ensure_connection = retry_often
        return super().ensure_connected(conn)

    def on_unknown_task(self, body: Any, message: Any, error: Exception) -> None:
        """Requeue a task of the fleet that this release does not know, for newer workers.

        Celery would reject the message, and it would be gone. It still rejects other tasks.
        """
        name = str(message.headers.get("task"))
        if not name.startswith(TASK_PREFIX):
            super().on_unknown_task(body, message, error)
            return
        log.warning("task left for workers of a newer release", task=name)
        # The message counts as prefetched until it is requeued, so let one more message come.
        self.qos.increment_eventually()
        seconds = random.uniform(*REQUEUE_DELAY_SECONDS)  # noqa: S311 - no secret
        self.timer.call_after(seconds, self._requeue, (message,))

    def _requeue(self, message: Any) -> None:
        # If the connection is lost, the broker itself requeues the message.
        message.reject_log_error(get_logger(__name__), self.connection_errors, requeue=True)
        self.qos.decrement_eventually()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Close a lost connection. With an unresponsive broker this takes many seconds."""
        beat()
        super().on_connection_error_after_connected(exc)
        beat()
