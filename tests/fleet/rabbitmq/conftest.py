"""Fixtures: the fleet of `tests/fleet`, with its bells on RabbitMQ instead of Redis."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.fleet.workers.conftest import gateway, start_worker  # noqa: F401 - fixtures
from tests.fleet.workers.test_submit_task import sender  # noqa: F401
from tests.support.servers.rabbitmq_server import RabbitmqServer, why_not
from tradecapture import Settings
from tradecapture.capture.messages import SUBMIT_QUEUE, queue_of
from tradecapture.local.servers.redis_server import RedisServer


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    """A RabbitMQ server of this pytest process."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with RabbitmqServer(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture
def rabbitmq(rabbitmq_server: RabbitmqServer) -> RabbitmqServer:
    """A RabbitMQ server with empty queues."""
    queues = [queue_of(lane) for lane in range(Settings().lanes)]
    rabbitmq_server.empty(*queues, SUBMIT_QUEUE)
    return rabbitmq_server


@pytest.fixture
def ledger_url(postgresql_url: str) -> str:
    """The URL of an empty ledger; the broker is the same to each database."""
    return postgresql_url


@pytest.fixture
def fleet_settings(
    redis: "Redis", redis_server: RedisServer, rabbitmq: RabbitmqServer, ledger_url: str
) -> Settings:
    """Settings of a deployment whose bells are on RabbitMQ."""
    return Settings(redis_url=redis_server.url, broker_url=rabbitmq.url, database_url=ledger_url)
