"""A Celery app for the processes that send tasks but run none."""

from typing import Any

from celery import Celery

from tradecapture.connections.brokers.options import broker_settings, register_transports
from tradecapture.connections.urls import SentinelAccess

# A submitter waits until its bell is sent, and the sweep rings if it is not. So a sender retries a
# connect once and at once, instead of for kombu's six seconds.
RETRY_ONCE: dict[str, Any] = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}


def sending_app(
    broker_url: str, connect_seconds: float, sentinels: SentinelAccess | None = None
) -> Celery:
    """Return a Celery app that only sends, with the settings of the workers.

    Args:
        broker_url: `Settings.broker`.
        connect_seconds: how long one connect to the broker may take.
        sentinels: the name of the master and the login, if `broker_url` names sentinels.
    """
    register_transports(worker=False)
    app = Celery("tradecapture")
    app.config_from_object("celeryconfig", force=True)
    app.conf.update(broker_settings(broker_url, connect_seconds, sentinels or SentinelAccess()))
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **RETRY_ONCE}
    return app
