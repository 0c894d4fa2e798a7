"""app."""

from typing import Any

from celery import Celery

from tradecapture.connections.brokers.rabbitmq import amqp_options, is_amqp, use_amqp
from tradecapture.connections.brokers.sentinel import sentinel_options, use_sentinel
from tradecapture.connections.urls import SentinelAccess, celery_url, is_sentinel, tls_options


def sending_app(broker_url: str, sentinels: SentinelAccess | None = None) -> Celery:
    """Return a Celery app that only sends, configured like the workers.

    Args:
        broker_url: of `Settings.broker`.
        sentinels: what they are asked for, if the broker is reached through them.
    """
    use_amqp()
    use_sentinel()
    app = Celery("tradecapture")
    app.config_from_object("celeryconfig")
    app.conf.broker_url = celery_url(broker_url)
    app.conf.broker_use_ssl = tls_options(broker_url)
    # A submitter waits for the bell, and the sweep rings without it: one more try to connect, at
    # once, instead of kombu's six seconds of them. Workers keep theirs.
    once_more: dict[str, Any] = {
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
    if is_sentinel(broker_url):
        once_more |= sentinel_options(broker_url, sentinels or SentinelAccess())
    options = app.conf.broker_transport_options
    if is_amqp(broker_url):
        options = amqp_options(app.conf.broker_connection_timeout)
    app.conf.broker_transport_options = {**options, **once_more}
    return app
