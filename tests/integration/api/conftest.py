"""Fixtures: an API without workers, whose trades wait, and one with a worker that captures."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from redis import Redis

from tests.support.api.api_in_process import Operated, operated
from tests.support.api.servers import ApiServer, WorkerServer, environment_of
from tests.support.builders import trade_json
from tradecapture.inbox import InboxReader, connect_redis
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.settings import Settings

CAPTURE = "/api/v1/trades/capture"
BATCH = f"{CAPTURE}/batch"
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
LANES = 4  # fewer than usual: a small deployment starts faster
ANSWER_SECONDS = 20.0  # for one answer, on a machine that is busy with other tests

_numbers = count(1)


class Deployment(NamedTuple):
    """A running API, and what stands behind it."""

    http: httpx.Client
    redis: "Redis"
    inbox: InboxReader

    def submit(self, body: bytes, **headers: str) -> httpx.Response:
        """Submit a trade; an underscore in a header's name stands for a hyphen."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(CAPTURE, content=body, headers=JSON | more)

    def trade(self, trade_id: str) -> httpx.Response:
        """Ask what became of a trade."""
        return self.http.get(f"{CAPTURE}/{trade_id}")


def new_id() -> str:
    """Return a trade id that no test has used."""
    return f"API-{next(_numbers)}"


def new_trade(**changes: object) -> tuple[str, bytes]:
    """Return the id and the JSON of a trade that no test has submitted."""
    trade_id = new_id()
    return trade_id, trade_json(tradeId=trade_id, **changes)


def today() -> datetime:
    """Return the time as the API sees it."""
    return datetime.now(UTC)


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
        http = running.enter_context(httpx.Client(base_url=api.url, timeout=ANSWER_SECONDS))
        redis = running.enter_context(connect_redis(redis_server.url, ANSWER_SECONDS))
        yield Deployment(http, redis, InboxReader(redis, LANES))


@pytest.fixture
def desk(redis: "Redis", ledger_settings: Settings) -> Iterator[Operated]:
    """An API and a worker in this process, on this Redis and each database in turn."""
    with operated(redis, ledger_settings) as desk:
        yield desk
