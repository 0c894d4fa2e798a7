"""The events that Flower shows. Each is sent once, or not at all."""

from typing import Any

from celery.app import events
from celery.events import dispatcher


class Dispatcher(dispatcher.EventDispatcher):
    """Never retries. Celery's dispatcher would block the main process until the broker answers.

    The consumer notices a lost connection by itself. It reconnects while the heart beats.
    """

    def send(self, type: str, *, retry: bool = False, **fields: Any) -> None:
        """Send an event without retries, or keep it until the connection is back.

        Args:
            type: the event's type.
            retry: ignored.
            fields: the event's fields.
        """
        super().send(type, retry=False, **fields)


class Events(events.Events):
    """Celery's events, with the dispatcher of this module."""

    dispatcher_cls = f"{__name__}:Dispatcher"
