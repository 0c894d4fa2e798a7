"""The bell of a lane: a Celery message that wakes a worker. It carries no trade."""

from collections.abc import Sequence
from contextlib import suppress

import structlog
from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tradecapture.capture.messages import (
    CAPTURE_TASK,
    MESSAGE_VERSION,
    MESSAGE_VERSION_HEADER,
    queue_of,
)
from tradecapture.inbox import Inbox

# A bell is published once. If that fails, the trades are safe and the sweep rings later.
PUBLISH_RETRY = False
TRANSIENT = 1  # AMQP's delivery mode: a bell is not worth a write to RabbitMQ's disk

log = structlog.get_logger(__name__)


class Bell:
    """Rings lanes through a Celery app. It needs only the task's name, not the workers' code."""

    def __init__(self, app: Celery, inbox: Inbox) -> None:
        self._app, self._inbox = app, inbox

    def ring(self, lanes: Sequence[int]) -> None:
        """Ring the bell of each lane. The caller has reserved these bells in the inbox.

        If the broker does not answer or is full, the reservations of this lane and of the later
        ones are given back. There is no retry, because a submitter waits; the sweep will ring.
        """
        for index, lane in enumerate(lanes):
            try:
                self._send(lane)
            except self._send_errors as error:
                unsent = list(lanes[index:])
                log.warning("bells not sent; the sweep will ring", lanes=unsent, error=str(error))
                with suppress(RedisError):  # a reservation expires, and the trades are safe
                    for unsent_lane in unsent:
                        self._inbox.clear_bell(unsent_lane)
                return

    def ring_if_due(self, lane: int) -> None:
        """Ring a lane if something in it is due and no bell is waiting.

        If Redis does not answer, nothing is rung; the sweep will ring.
        """
        try:
            self.ring(self._inbox.reserve_bells([lane]))
        except RedisError as error:
            log.warning("bell not reserved; the sweep will ring", lane=lane, error=str(error))

    @property
    def _send_errors(self) -> tuple[type[Exception], ...]:
        """What sending may raise. It is only evaluated after an error, because that takes long."""
        broker = self._app.connection_for_write()  # connects to nothing yet
        # The last two: RabbitMQ has errors of its own for a wrong password or virtual host.
        return (
            *(OperationalError, OSError, RedisError),
            *broker.connection_errors,
            *broker.channel_errors,
        )

    def _send(self, lane: int) -> None:
        self._app.send_task(
            CAPTURE_TASK,
            args=(lane,),
            # A Queue and not its name: Celery looks a name up in this process's own task_queues.
            queue=Queue(queue_of(lane)),
            # Workers have declared the queue. Here it would cost one more round trip.
            declare=[],
            delivery_mode=TRANSIENT,
            retry=PUBLISH_RETRY,
            headers={MESSAGE_VERSION_HEADER: MESSAGE_VERSION},
            # Without these Celery spends half of the call on the repr of the arguments.
            argsrepr=f"({lane},)",
            kwargsrepr="{}",
        )
