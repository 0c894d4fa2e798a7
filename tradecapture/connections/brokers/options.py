"""Celery's settings for the broker, and the transports through which Celery reaches it.

Workers take the settings from `celeryconfig`, and every other process from `sending_app`.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES

from tradecapture.connections.sentinel import access_options
from tradecapture.connections.urls import (
    SENTINEL_SCHEME,
    SentinelAccess,
    celery_url,
    is_amqp,
    is_sentinel,
    tls_options,
)

# Redis gives an unacknowledged message to another worker after this time. An older bell is
# useless, because the sweep has rung again long before.
VISIBILITY_TIMEOUT_SECONDS = 60
# A reply may take longer than a connect: a BRPOP that finds no message returns after one second.
REPLY_MARGIN_SECONDS = 2
HEARTBEAT_SECONDS = 10  # a worker notices within two heartbeats that RabbitMQ is gone

# Kombu imports a transport when it first meets a URL with its scheme.
_PACKAGE = "tradecapture.connections.brokers"
_RABBITMQ_TRANSPORTS = {
    "amqp": f"{_PACKAGE}.rabbitmq:RabbitmqTransport",
    "amqps": f"{_PACKAGE}.rabbitmq:RabbitmqTlsTransport",
}
# To Redis without Sentinel, senders use kombu's own transport.
SENDER_TRANSPORTS = {
    **_RABBITMQ_TRANSPORTS,
    SENTINEL_SCHEME: f"{_PACKAGE}.sentinel:SentinelTransport",
}
WORKER_TRANSPORTS = {
    **_RABBITMQ_TRANSPORTS,
    "redis": f"{_PACKAGE}.redis:RedisTransport",
    "rediss": f"{_PACKAGE}.redis:RedisTransport",
    SENTINEL_SCHEME: f"{_PACKAGE}.redis:RedisSentinelTransport",
}


def register_transports(*, worker: bool) -> None:
    """Make kombu use this package's transports from now on.

    A worker process also sends, so it calls this function for both uses. It keeps the worker's
    transports, whichever call comes first.

    Args:
        worker: whether this process is a worker. Only a worker takes the Redis transports that
            also work while Redis is full: it frees memory, and senders would use more.
    """
    is_worker = TRANSPORT_ALIASES["redis"] == WORKER_TRANSPORTS["redis"]
    TRANSPORT_ALIASES.update(WORKER_TRANSPORTS if worker or is_worker else SENDER_TRANSPORTS)


def broker_settings(
    broker_url: str, connect_seconds: float, sentinels: SentinelAccess
) -> dict[str, Any]:
    """Return what Celery must know about the broker, by the names of Celery's settings.

    Args:
        broker_url: `Settings.broker`.
        connect_seconds: how long one connect may take.
        sentinels: the name of the master and the login, if `broker_url` names sentinels.
    """
    settings = {
        "broker_url": celery_url(broker_url),
        "broker_use_ssl": tls_options(broker_url),
    }
    if is_amqp(broker_url):
        return settings | _rabbitmq_settings(connect_seconds)
    options: dict[str, Any] = {
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        # Every priority adds one key a lane to each BRPOP. Bells have no priority.
        "priority_steps": [0],
        # Without a timeout, a publish on a dead connection waits forever.
        "socket_timeout": connect_seconds + REPLY_MARGIN_SECONDS,
        "socket_connect_timeout": connect_seconds,
        "socket_keepalive": True,
    }
    if is_sentinel(broker_url):
        options["master_name"] = sentinels.master
        options["sentinel_kwargs"] = access_options(broker_url, sentinels)
    return settings | {"broker_transport_options": options}


def _rabbitmq_settings(connect_seconds: float) -> dict[str, Any]:
    return {
        "broker_connection_timeout": connect_seconds,
        "broker_heartbeat": HEARTBEAT_SECONDS,
        # The control queue must not be exclusive: after a lost connection RabbitMQ keeps the old
        # queue until it notices, and the reconnecting worker could not declare it again. From
        # RabbitMQ 4.3 on, a non-exclusive queue must be durable.
        "control_queue_exclusive": False,
        "control_queue_durable": True,
        "broker_transport_options": {
            # A message counts as sent once RabbitMQ confirms it, a durable message once it is on
            # disk. Otherwise a trade that is submitted as a task could be lost unnoticed.
            "confirm_publish": True,
            "connect_timeout": connect_seconds,
            "read_timeout": connect_seconds,
            "write_timeout": connect_seconds,
        },
    }
