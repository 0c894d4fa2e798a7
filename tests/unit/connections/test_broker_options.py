"""Celery's settings for each kind of broker, and the transports that reach it."""

from collections.abc import Iterator

import pytest
from kombu.transport import TRANSPORT_ALIASES, resolve_transport

from tradecapture.connections.brokers.app import RETRY_ONCE, sending_app
from tradecapture.connections.brokers.options import (
    SENDER_TRANSPORTS,
    WORKER_TRANSPORTS,
    broker_settings,
    register_transports,
)
from tradecapture.connections.urls import SentinelAccess

CONNECT_SECONDS = 1.5
REDIS, RABBITMQ, SENTINEL = "redis://h/1", "amqps://h//", "sentinels://:secret@h1;sentinels://h2"


@pytest.fixture
def aliases(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Kombu's transports by scheme, restored after the test."""
    kombus = {scheme: f"kombu.transport.{scheme}" for scheme in WORKER_TRANSPORTS}
    for scheme, name in kombus.items():
        monkeypatch.setitem(TRANSPORT_ALIASES, scheme, name)
    yield TRANSPORT_ALIASES


@pytest.mark.parametrize("name", sorted({*SENDER_TRANSPORTS.values(), *WORKER_TRANSPORTS.values()}))
def test_each_transport_exists(name: str) -> None:
    """Kombu finds the class by the registered name."""
    transport = resolve_transport(name)
    assert transport is not None
    assert transport.__name__ == name.rpartition(":")[2]


def test_a_sender_keeps_kombus_transport_to_redis(aliases: dict[str, str]) -> None:
    """Only workers take the transport that works while Redis is full."""
    register_transports(worker=False)
    assert aliases["redis"] == "kombu.transport.redis"
    assert aliases["sentinel"] == SENDER_TRANSPORTS["sentinel"]
    assert aliases["amqp"] == SENDER_TRANSPORTS["amqp"]


@pytest.mark.parametrize("calls", [[True], [True, False], [False, True]])
def test_a_worker_that_also_sends_keeps_its_transports(
    aliases: dict[str, str], calls: list[bool]
) -> None:
    """The order in which a process registers as worker and as sender makes no difference."""
    for worker in calls:
        register_transports(worker=worker)
    assert {scheme: aliases[scheme] for scheme in WORKER_TRANSPORTS} == WORKER_TRANSPORTS


def test_redis_needs_only_its_address_and_transport_options() -> None:
    """Its timeouts follow the setting."""
    settings = broker_settings(REDIS, CONNECT_SECONDS, SentinelAccess())
    options = settings.pop("broker_transport_options")
    assert settings == {"broker_url": REDIS, "broker_use_ssl": None}
    assert options == {
        "visibility_timeout": 60,
        "priority_steps": [0],
        "socket_timeout": CONNECT_SECONDS + 2,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_keepalive": True,
    }


def test_sentinels_are_asked_for_the_master_by_name() -> None:
    """Over TLS, if their URLs say so, and with the login of the sentinels."""
    access = SentinelAccess("desk-master", password="s3cret")
    settings = broker_settings(SENTINEL, CONNECT_SECONDS, access)
    assert settings["broker_url"] == "sentinel://:secret@h1/0;sentinel://:secret@h2/0"
    assert settings["broker_use_ssl"] == {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    options = settings["broker_transport_options"]
    assert (options["master_name"], options["visibility_timeout"]) == ("desk-master", 60)
    assert options["sentinel_kwargs"]["ssl"] is True
    login = options["sentinel_kwargs"]["credential_provider"]
    assert login.get_credentials() == ("s3cret",)


def test_rabbitmq_confirms_messages_and_keeps_the_control_queue() -> None:
    """It takes none of the options of Redis."""
    assert broker_settings(RABBITMQ, CONNECT_SECONDS, SentinelAccess()) == {
        "broker_url": RABBITMQ,
        "broker_use_ssl": {"server_hostname": None},
        "broker_connection_timeout": CONNECT_SECONDS,
        "broker_heartbeat": 10,
        "control_queue_exclusive": False,
        "control_queue_durable": True,
        "broker_transport_options": {
            "confirm_publish": True,
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": CONNECT_SECONDS,
            "write_timeout": CONNECT_SECONDS,
        },
    }


@pytest.mark.parametrize("url", [REDIS, SENTINEL, RABBITMQ])
def test_a_sender_has_the_workers_settings_and_retries_once(
    aliases: dict[str, str], url: str
) -> None:
    """A submitter does not wait through kombu's retries."""
    access = SentinelAccess()
    app = sending_app(url, CONNECT_SECONDS, access)
    expected = broker_settings(url, CONNECT_SECONDS, access)
    expected["broker_transport_options"] |= RETRY_ONCE
    assert {name: app.conf[name] for name in expected} == expected
    assert app.conf.task_serializer == "json"
    assert aliases["amqp"] == SENDER_TRANSPORTS["amqp"]
