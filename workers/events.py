"""The events that Flower shows: sent once each, or not at all."""

from typing import Any

from celery.app import events
from celery.events import dispatcher


class Dispatcher(dispatcher.EventDispatcher):
    """Does not insist: Celery's would keep a main process until a broker that is silent is back.

    The consumer notices by itself that the connection is lost, and looks for the broker every
    second, with its heart beating.
    """

    def send(self, type: str, *, retry: bool = False, **fields: Any) -> None:
        """Send an event, or keep it until the connection is back, whatever is said of retrying."""
        super().send(type, retry=False, **fields)


class Events(events.Events):
    """Celery's, with that dispatcher."""

    dispatcher_cls = f"{__name__}:Dispatcher"
