"""A fleet of real workers on a real Redis and each database in turn."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.worker import LocalWorker

StartWorker = Callable[..., LocalWorker]


@pytest.fixture
def fleet_settings(redis: "Redis", redis_server: RedisServer, ledger_url: str) -> Settings:
    """Settings of a deployment as they come, on this Redis and each database in turn."""
    return Settings(redis_url=redis_server.url, database_url=ledger_url)


@pytest.fixture
def gateway(fleet_settings: Settings) -> Iterator[Gateway]:
    """A gateway to that deployment."""
    gateway = Gateway(fleet_settings)
    yield gateway
    gateway.close()


@pytest.fixture
def start_worker(fleet_settings: Settings, tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers; none outlives its test."""
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
