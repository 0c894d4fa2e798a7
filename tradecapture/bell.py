"""The bell: a Celery message that tells a worker to look into a lane. It carries no trade."""

from collections.abc import Sequence
from contextlib import suppress

import structlog
from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tradecapture.inbox import Inbox
from tradecapture.routing import CAPTURE_TASK, queue_of
from tradecapture.server_url import tls_options

# One try: the trades are safe already, and the sweep rings where this could not.
PUBLISH_RETRY = False

log = structlog.get_logger(__name__)


class Bell:
    """Rings lanes through a Celery app, by the task's name: the workers' code is not needed."""

    def __init__(self, app: Celery, inbox: Inbox) -> None:
        self._app, self._inbox = app, inbox

    def ring(self, lanes: Sequence[int]) -> None:
        """Ring the bell of each lane, for which the inbox has given the right to ring.

        Where the broker is out of reach, or full, the right is given back, for these lanes and
        those after them: a submitter waits for this, and the sweep will ring.
        """
        for index, lane in enumerate(lanes):
            try:
                self._send(lane)
            except (OperationalError, OSError, RedisError) as error:
                unheard = list(lanes[index:])
                log.warning("bells not sent; the sweep will ring", lanes=unheard, error=str(error))
                with suppress(RedisError):  # the right ends by itself, and the trades are safe
                    for silent in unheard:
                        self._inbox.clear_bell(silent)
                return

    def _send(self, lane: int) -> None:
        self._app.send_task(
            CAPTURE_TASK,
            args=(lane,),
            # An object, not a name: a name must stand in this process's own lanes.
            queue=Queue(queue_of(lane)),
            retry=PUBLISH_RETRY,
            # Celery would otherwise spend half of the call on repr of the arguments.
            argsrepr=f"({lane},)",
            kwargsrepr="{}",
        )


def submitting_app(broker_url: str) -> Celery:
    """Return a Celery app that only sends, configured like the workers."""
    app = Celery("tradecapture")
    app.config_from_object("celeryconfig")
    app.conf.broker_url = broker_url
    app.conf.broker_use_ssl = tls_options(broker_url)
    # A submitter waits for the bell, and the sweep rings without it: one more try to connect, at
    # once, instead of kombu's six seconds of them. Workers keep theirs.
    once_more = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **once_more}
    return app
