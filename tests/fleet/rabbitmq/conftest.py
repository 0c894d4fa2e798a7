"""Fixtures: a fleet whose bells are on RabbitMQ."""

import pytest

from tests.support.servers.rabbitmq_server import RabbitmqServer


@pytest.fixture
def ledger_url(postgresql_url: str) -> str:
    """The URL of an empty ledger. The choice of database does not matter to the broker."""
    return postgresql_url


@pytest.fixture
def broker(rabbitmq: RabbitmqServer) -> str:
    """The URL of the broker."""
    return rabbitmq.url
