"""Fixtures of running APIs: one without workers, one with a worker, one in this process."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.support.api.api_in_process import InProcessApi, run_in_process
from tests.support.api.requests import LANES, RESPONSE_TIMEOUT_SECONDS, Deployment
from tests.support.api.servers import ApiServer, WorkerServer, environment_of
from tradecapture.inbox import InboxReader, connect_redis
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.settings import Settings


@pytest.fixture(scope="session")
def quiet(sqlite_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment without workers: its trades wait."""
    yield from _deployment(tmp_path_factory.mktemp("quiet"), sqlite_database, workers=False)


@pytest.fixture(scope="session")
def fleet(sqlite_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment with one worker: its trades are captured."""
    yield from _deployment(tmp_path_factory.mktemp("fleet"), sqlite_database, workers=True)


def _deployment(folder: Path, ledger: Path, *, workers: bool) -> Iterator[Deployment]:
    database_url = f"sqlite:///{shutil.copy(ledger, folder / 'ledger.db')}"
    with ExitStack() as running:
        redis_server = running.enter_context(RedisServer(folder / "redis"))
        environment = environment_of(
            redis_url=redis_server.url, database_url=database_url, lanes=str(LANES)
        )
        if workers:
            running.enter_context(WorkerServer(folder, environment))
        api = running.enter_context(ApiServer(folder, environment))
        http = running.enter_context(
            httpx.Client(base_url=api.url, timeout=RESPONSE_TIMEOUT_SECONDS)
        )
        redis = running.enter_context(connect_redis(redis_server.url, RESPONSE_TIMEOUT_SECONDS))
        yield Deployment(http, redis, InboxReader(redis, LANES))


@pytest.fixture
def in_process_api(redis: "Redis", ledger_settings: Settings) -> Iterator[InProcessApi]:
    """An API and a worker in this process, on the test's Redis and each database in turn."""
    with run_in_process(redis, ledger_settings) as in_process_api:
        yield in_process_api
