"""The connection budget of a real fleet: an upper bound, and not much above the real number."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import httpx
import psycopg
import pytest
from redis import Redis

from tests.support.api.servers import ApiServer, environment_of
from tests.support.builders import trade_json
from tests.support.servers.databases import with_tables
from tradecapture.doctor.connection_budget import FleetSize, budget_of_database, budget_of_redis
from tradecapture.inbox import connect_redis
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.server import wait_until
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.settings import Settings

SIZE = FleetSize(apis=1, workers=2, concurrency=2)
DATABASE = "connections"
CLIENTS = 40  # at the same time, more than an API has threads
TRADES = 300
CAPTURE_TIMEOUT_SECONDS = 60.0
# The budget may be this many times the real number: it counts all threads and clients, which are
# seldom all in use at once.
MAX_BUDGET_RATIO = 4.0


class MeasuredFleet(NamedTuple):
    """A fleet, and the number of connections that its servers count."""

    http: httpx.Client
    redis_clients: Callable[[], int]
    database_clients: Callable[[], int]


@pytest.fixture
def busy(tmp_path: Path, postgresql_server: PostgresqlServer) -> Iterator[MeasuredFleet]:
    """A fleet on servers of its own."""
    url = with_tables(postgresql_server.new_database(DATABASE))
    with RedisServer(tmp_path / "redis") as redis_server:
        environment = environment_of(redis_url=redis_server.url, database_url=url)
        workers = [
            LocalWorker(
                f"worker{number}",
                tmp_path / f"worker{number}.log",
                environment,
                concurrency=SIZE.concurrency,
            )
            for number in range(SIZE.workers)
        ]
        with (
            ExitStack() as running,
            ApiServer(tmp_path / "api", environment) as api,
            httpx.Client(
                base_url=api.url, timeout=60, limits=httpx.Limits(max_connections=CLIENTS)
            ) as http,
            connect_redis(redis_server.url, 10) as redis,
            psycopg.connect(postgresql_server.url.replace("+psycopg", "")) as observer,
        ):
            observer.autocommit = True
            for worker in workers:
                running.callback(worker.launch().kill)
            yield MeasuredFleet(
                http, lambda: _redis_clients(redis), lambda: _database_clients(observer)
            )


def _redis_clients(redis: "Redis") -> int:
    return len(redis.client_list()) - 1  # without this client


def _database_clients(observer: "psycopg.Connection[tuple[object, ...]]") -> int:
    row = observer.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [DATABASE]
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def test_the_budget_bounds_what_a_busy_fleet_holds(
    busy: MeasuredFleet, figure: Callable[[str], None]
) -> None:
    """The fleet captures and answers status reads, searches, lists and health checks at once."""
    peak = {"database": 0, "Redis": 0}
    stopped = Event()

    def watch() -> None:
        while not stopped.wait(0.02):
            peak["database"] = max(peak["database"], busy.database_clients())
            peak["Redis"] = max(peak["Redis"], busy.redis_clients())

    def use(number: int) -> None:
        trade_id = f"T-{number}"
        body = trade_json(tradeId=trade_id, bookId=f"B{number % 60}")
        header = {"Content-Type": "application/json"}
        busy.http.post("/api/v1/trades/capture", content=body, headers=header)
        for path in (
            f"trades/capture/{trade_id}",
            "partitions?limit=5",
            "trades?limit=5",
            "health",
        ):
            busy.http.get(f"/api/v1/{path}")

    def all_are_captured() -> bool:
        response = busy.http.get("/api/v1/trades", params={"limit": 1000, "outcome": "CAPTURED"})
        return len(response.json()["trades"]) == TRADES

    watcher = Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(use, range(TRADES)))
        assert wait_until(all_are_captured, CAPTURE_TIMEOUT_SECONDS)
    finally:
        stopped.set()
        watcher.join()
    for budget in (budget_of_database(SIZE, Settings().pool_size), budget_of_redis(SIZE)):
        seen = peak[budget.server]
        figure(
            f"connections to {budget.server}: {seen} seen, {budget.fleet} budgeted for 1 API and "
            f"2 workers of 2 processes"
        )
        assert seen <= budget.fleet <= MAX_BUDGET_RATIO * seen
