"""The bell: a Celery message that tells a worker to look into a lane. It carries no trade."""

from collections.abc import Sequence
from contextlib import suppress

import structlog
from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tradecapture.capture.messages import CAPTURE_TASK, MESSAGE_VERSION, SIGNATURE_HEADER, queue_of
from tradecapture.inbox import Inbox

# One try: the trades are safe already, and the sweep rings where this could not.
PUBLISH_RETRY = False
TRANSIENT = 1  # AMQP's delivery mode: a bell is not worth a write to RabbitMQ's disk

log = structlog.get_logger(__name__)


class Bell:
    """Rings lanes through a Celery app, by the task's name: the workers' code is not needed."""

    def __init__(self, app: Celery, inbox: Inbox) -> None:
        self._app, self._inbox = app, inbox

    @property
    def _failures(self) -> tuple[type[Exception], ...]:
        """What may be raised while a bell is sent: looked up only then, for it takes a while."""
        broker = self._app.connection_for_write()  # which does not connect yet
        # The last two: RabbitMQ refuses a wrong password or virtual host with errors of its own.
        return (
            *(OperationalError, OSError, RedisError),
            *broker.connection_errors,
            *broker.channel_errors,
        )

    def ring(self, lanes: Sequence[int]) -> None:
        """Ring the bell of each lane, for which the inbox has given the right to ring.

        Where the broker is out of reach, or full, the right is given back, for these lanes and
        those after them: a submitter waits for this, and the sweep will ring.
        """
        for index, lane in enumerate(lanes):
            try:
                self._send(lane)
            except self._failures as error:
                unheard = list(lanes[index:])
                log.warning("bells not sent; the sweep will ring", lanes=unheard, error=str(error))
                with suppress(RedisError):  # the right ends by itself, and the trades are safe
                    for silent in unheard:
                        self._inbox.clear_bell(silent)
                return

    def ring_if_due(self, lane: int) -> None:
        """Ring a lane in which something is due and no bell is waiting.

        Where Redis is out of reach the sweep will ring.
        """
        try:
            self.ring(self._inbox.reserve_bells([lane]))
        except RedisError as error:
            log.warning("could not look; the sweep will ring", lane=lane, error=str(error))

    def _send(self, lane: int) -> None:
        self._app.send_task(
            CAPTURE_TASK,
            args=(lane,),
            # An object, not a name: a name must stand in this process's own lanes.
            queue=Queue(queue_of(lane)),
            declare=[],  # workers have; to declare it here would be one more wait for the broker
            delivery_mode=TRANSIENT,
            retry=PUBLISH_RETRY,
            headers={SIGNATURE_HEADER: MESSAGE_VERSION},
            # Celery would otherwise spend half of the call on repr of the arguments.
            argsrepr=f"({lane},)",
            kwargsrepr="{}",
        )
