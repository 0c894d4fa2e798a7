"""The consumer of a worker's main process: Celery's, which soon finds a broker that is back."""

from functools import partial
from typing import Any

from celery.worker import consumer

RECONNECT_SECONDS = 1.0  # after a long outage Celery would wait half a minute for the next look


class Consumer(consumer.Consumer):
    """A consumer that tries to connect again every second, however long the broker was away."""

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once it is there."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=RECONNECT_SECONDS,
            interval_step=0,
            interval_max=RECONNECT_SECONDS,
        )
        return super().ensure_connected(conn)
