"""Fixtures: a fleet whose bells are on RabbitMQ."""

import pytest

from tests.support.servers.rabbitmq_server import RabbitmqServer


@pytest.fixture
def ledger_url(postgresql_url: str) -> str:
    """The URL of an empty ledger; the broker is the same to each database."""
    return postgresql_url


@pytest.fixture
def broker(rabbitmq: RabbitmqServer) -> str:
    """The URL of the broker."""
    return rabbitmq.url
