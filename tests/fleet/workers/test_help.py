"""An idle worker helps with a lane that another one captures, without waiting for the sweep."""

import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from tests.support.builders import partition_of, submissions
from tests.support.deployment.completion import wait_for
from tests.support.deployment.workers import StartWorker
from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.inbox import Inbox
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.trades.partition import PartitionKey, lane_of

MAX_SWEEP_SECONDS = 60.0  # the second sweep comes after the end of the test
BOOKS = [f"B{number}" for number in range(1, 7)]


@pytest.fixture
def fleet_settings(redis: "Redis", redis_server: RedisServer, postgresql_url: str) -> Settings:
    """Settings of one lane on PostgreSQL, which can lock single rows."""
    return Settings(redis_url=redis_server.url, database_url=postgresql_url, lanes=1)


def test_a_stuck_worker_keeps_one_partition_and_not_its_lane(
    fleet_settings: Settings, gateway: Gateway, start_worker: StartWorker
) -> None:
    """While one process waits for a locked row, another one captures the rest of the lane."""
    stuck, *others = (partition_of(book) for book in BOOKS)
    assert lane_of(stuck, fleet_settings.lanes) == 0
    worker = start_worker(
        "w",
        concurrency=2,
        lanes=1,
        batch_partitions=1,
        sweep_seconds=MAX_SWEEP_SECONDS,
        bell_seconds=MAX_SWEEP_SECONDS,
        # The worker keeps its claim and waits for the row as long as the test locks it.
        lease_seconds=MAX_SWEEP_SECONDS,
        retry_attempts=100,
    ).wait_ready()
    engine = create_engine(fleet_settings.database_url)

    def captured(keys: list[PartitionKey]) -> int:
        rows = [gateway.ledger.partition(key) for key in keys]
        return sum(row.last_sequence for row in rows if row)

    gateway.accept(submissions(1, BOOKS[0]))
    wait_for("the partition has a row", lambda: captured([stuck]) == 1)
    with engine.connect() as connection:
        connection.execute(
            text("SELECT 1 FROM partitions WHERE partition_key = :key FOR UPDATE"), {"key": stuck}
        )
        batch = submissions(1, BOOKS[0], first=2)
        for book in BOOKS[1:]:
            batch += submissions(1, book)
        gateway.accept(batch)
        wait_for("the others are captured", lambda: captured(others) == len(others))
        assert captured([stuck]) == 1
    engine.dispose()
    wait_for("the locked partition continues", lambda: captured([stuck]) == 2)
    assert worker.process.poll() is None
    assert Inbox(gateway.redis, fleet_settings).reserve_bells() == []
