"""Fixtures that start workers and connect a gateway to them, and counts from workers' logs."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.worker import LocalWorker

StartWorker = Callable[..., LocalWorker]
REDIS, RABBITMQ = "redis", "rabbitmq"  # brokers

# Runs a test on each database with Redis as the broker, and once on RabbitMQ. Once is enough,
# because the broker does not depend on the database.
on_each_broker = pytest.mark.parametrize(
    ("ledger_url", "broker"),
    [
        ("sqlite", REDIS),
        ("postgresql", REDIS),
        pytest.param("mssql", REDIS, marks=pytest.mark.mssql),
        pytest.param("postgresql", RABBITMQ, marks=pytest.mark.rabbitmq),
    ],
    indirect=True,
)

RETRIED, POSTPONED = b"capture transaction retried", b"claim postponed"
_CAPTURED = re.compile(rb"lane captured' .*?\bcaptured=(\d+)")


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> str:
    """The URL of RabbitMQ if the test is parametrized with it; otherwise empty: Redis is used."""
    if getattr(request, "param", REDIS) == REDIS:
        return ""
    return str(request.getfixturevalue("rabbitmq").url)


@pytest.fixture
def fleet_settings(
    redis: "Redis", redis_server: RedisServer, ledger_url: str, broker: str
) -> Settings:
    """Default settings of a deployment on this Redis, with each database and broker in turn."""
    return Settings(redis_url=redis_server.url, broker_url=broker, database_url=ledger_url)


@pytest.fixture
def gateway(fleet_settings: Settings) -> Iterator[Gateway]:
    """A gateway to the deployment of `fleet_settings`."""
    gateway = Gateway(fleet_settings)
    yield gateway
    gateway.close()


@pytest.fixture
def start_worker(fleet_settings: Settings, tmp_path: Path) -> Iterator[StartWorker]:
    """A function that starts workers; they are killed at the end of the test."""
    started: list[LocalWorker] = []

    def start(name: str, concurrency: int = 1, **changes: object) -> LocalWorker:
        environment = {
            f"TRADECAPTURE_{setting.upper()}": str(value)
            for setting, value in {
                "redis_url": fleet_settings.redis_url,
                "broker_url": fleet_settings.broker_url,
                "database_url": fleet_settings.database_url,
                **changes,
            }.items()
        }
        log = tmp_path / f"{name}.log"
        worker = LocalWorker(name, log, environment, concurrency=concurrency)
        started.append(worker)
        return worker.launch()

    yield start
    for worker in started:
        worker.kill()


def count_in_logs(workers: Iterable[LocalWorker], words: bytes) -> int:
    """Return how often some words occur in workers' logs."""
    return sum(worker.log.read_bytes().count(words) for worker in workers)


def counted_captures(workers: Iterable[LocalWorker]) -> int:
    """Return how many trades workers counted in their logs as captured by themselves.

    The sum is only right for workers that were not killed.
    """
    return sum(
        int(trades) for worker in workers for trades in _CAPTURED.findall(worker.log.read_bytes())
    )
