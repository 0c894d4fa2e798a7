"""Fixtures: a primary with a standby that streams from it, and a gateway that reads from both."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from tests.support.capture.worker import Worker
from tests.support.servers.databases import emptying, with_tables
from tests.support.servers.standby import Standby
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.settings import Settings

DATABASE = "ledger"


@pytest.fixture(scope="package")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlServer]:
    """A server of its own, which may be stopped."""
    with PostgresqlServer(tmp_path_factory.mktemp("primary")) as server:
        with_tables(server.new_database(DATABASE))
        yield server


@pytest.fixture(scope="package")
def running_standby(
    primary: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standby]:
    """Its standby."""
    with Standby(tmp_path_factory.mktemp("standby"), primary) as standby:
        yield standby


@pytest.fixture
def standby(running_standby: Standby) -> Standby:
    """The standby, with all that the primary has."""
    running_standby.go_on()
    return running_standby


@pytest.fixture
def replicated(settings: Settings, primary: PostgresqlServer, standby: Standby) -> Settings:
    """Settings of a deployment on an empty ledger, with the standby as its replica."""
    with emptying(primary.url_of(DATABASE)) as empty:
        url = empty()
    standby.catch_up()
    return replace(settings, database_url=url, replica_url=standby.of(DATABASE))


@pytest.fixture
def worker(redis: "Redis", replicated: Settings) -> Iterator[Worker]:
    """A worker of it."""
    worker = Worker(redis, replicated)
    yield worker
    worker.ledger.dispose()


@pytest.fixture
def gateway(redis: "Redis", replicated: Settings) -> Iterator[Gateway]:
    """A gateway to it."""
    gateway = Gateway(replicated)
    yield gateway
    gateway.close()
