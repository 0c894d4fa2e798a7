"""Fixtures: workers and a gateway on each database, with Redis or RabbitMQ as the broker."""

from collections.abc import Iterator

import pytest
from celery import Celery

from tests.support.deployment.workers import broker, fleet_settings, gateway, start_worker
from tests.support.servers.rabbitmq_server import RabbitmqServer, why_not
from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import SUBMIT_QUEUE, queue_of
from tradecapture.connections.brokers.app import sending_app

__all__ = ["broker", "fleet_settings", "gateway", "start_worker"]


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
def sender(gateway: Gateway) -> Celery:
    """A service that has only Celery."""
    return sending_app(gateway.settings.broker, gateway.settings.connect_seconds)
