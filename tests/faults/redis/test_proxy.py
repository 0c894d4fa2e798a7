"""Tests each mode of the proxy of the fault tests, as a Redis client sees it."""

import threading
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry

from tests.support.servers.proxies.proxy import Proxy
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.server import wait_until

TIMEOUT_SECONDS = 0.3
PATIENCE_SECONDS = 10.0


@pytest.fixture
def proxied(redis: "Redis", redis_server: RedisServer) -> Iterator[tuple[Proxy, "Redis"]]:
    """A proxy before Redis, and a client that goes through it and does not retry."""
    port = free_port()
    server = (LOOPBACK, int(redis_server.url.rsplit(":", 1)[1].removesuffix("/0")))
    with (
        Proxy((LOOPBACK, port), server) as proxy,
        Redis(port=port, socket_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)) as client,
    ):
        client.set("a", 1)
        yield proxy, client


def test_it_refuses_and_lets_in_again(proxied: tuple[Proxy, "Redis"]) -> None:
    """The proxy ends connections and refuses new ones until it passes on again."""
    proxy, client = proxied
    proxy.refuse()
    for _ in range(2):
        with pytest.raises(ConnectionError):
            client.get("a")
    proxy.pass_on()
    assert client.get("a") == b"1"


def test_what_a_black_hole_swallowed_arrives_late(
    proxied: tuple[Proxy, "Redis"], redis: "Redis"
) -> None:
    """A black hole accepts connections without answering; the server gets the requests later."""
    proxy, client = proxied
    proxy.black_hole()
    with pytest.raises(TimeoutError):
        client.set("a", 2)
    with pytest.raises(TimeoutError):
        client.get("a")
    assert redis.get("a") == b"1"
    proxy.pass_on()
    assert wait_until(lambda: redis.get("a") == b"2", PATIENCE_SECONDS)
    assert client.get("a") == b"2"


def test_it_cuts_a_connection_in_use(proxied: tuple[Proxy, "Redis"]) -> None:
    """A client that waits for an answer gets an error, and can connect again at once."""
    proxy, client = proxied
    errors: list[Exception] = []

    def wait() -> None:
        try:
            client.execute_command("BLPOP", "nothing", 0)
        except (ConnectionError, TimeoutError) as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert proxy.cut() == 1
    waiting.join(PATIENCE_SECONDS)
    assert len(errors) == 1
    assert client.get("a") == b"1"


@pytest.mark.parametrize(("answer_lost", "value"), [(False, b"1"), (True, b"2")])
def test_it_cuts_before_or_after_the_server_acts(
    proxied: tuple[Proxy, "Redis"], redis: "Redis", *, answer_lost: bool, value: bytes
) -> None:
    """The client gets the same error, once, whether the server has run its command or not."""
    proxy, client = proxied
    (proxy.lose_answers if answer_lost else proxy.cut_before)(b"SET")
    with pytest.raises(ConnectionError):
        client.set("a", 2)
    assert wait_until(lambda: redis.get("a") == value, PATIENCE_SECONDS)
    assert proxy.cuts == 1
    assert client.set("a", 3) is True
