"""The measurement of one variant, and the servers that all variants are measured on."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import psutil
from redis import Redis
from sqlalchemy import create_engine, func, select, text

from tradecapture.ledger import LedgerReader, upgrade
from tradecapture.ledger.engine import open_engine
from tradecapture.ledger.schema.tables import partitions
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.settings import PREFIX, Settings

POLL_INTERVAL_SECONDS = 0.02  # between two queries whether all trades are captured
TIMEOUT_SECONDS = 300.0  # of one measurement


class Measurement(NamedTuple):
    """What one variant reached."""

    name: str
    what: str
    trades: int
    seconds: float
    worker_cpu_seconds: float  # of all worker processes, user and system
    inversions: int

    @property
    def rate(self) -> float:
        """Captured trades a second."""
        return self.trades / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """CPU time of the workers, in microseconds a trade."""
        return self.worker_cpu_seconds / self.trades * 1e6


class BenchmarkServers:
    """A Redis and a PostgreSQL for the benchmark. Each measurement starts with both empty."""

    def __init__(self, folder: Path, redis: RedisServer, postgresql: PostgresqlServer) -> None:
        self.folder = folder
        self._redis, self._postgresql = redis, postgresql
        self._databases = 0

    def reset(self) -> Settings:
        """Empty Redis, create a new ledger, and return their settings."""
        self._databases += 1
        Redis.from_url(self._redis.url).flushall()
        url = self._postgresql.new_database(f"benchmark_{self._databases}")
        with open_engine(Settings(database_url=url, connect_seconds=5)) as (engine, _):
            upgrade(engine)
        return Settings(redis_url=self._redis.url, database_url=url)

    def wait_until_idle(self) -> None:
        """Wait until both servers have finished their background work after a load.

        Otherwise a checkpoint or the rewrite of an append-only file would slow down one
        measurement and not the next.
        """
        engine = create_engine(self._postgresql.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CHECKPOINT"))
        engine.dispose()
        redis = Redis.from_url(self._redis.url)
        while redis.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(POLL_INTERVAL_SECONDS)


def environment_of(settings: Settings) -> dict[str, str]:
    """Return environment variables that give these settings to a process."""
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in asdict(settings).items()}


@contextmanager
def running(workers: Sequence[LocalWorker]) -> Iterator[None]:
    """Run workers. All are ready when the block begins."""
    try:
        for worker in workers:
            worker.launch()
        for worker in workers:
            worker.wait_ready()
        yield
    finally:
        for worker in workers:
            worker.stop()


def cpu_seconds(workers: Sequence[LocalWorker]) -> float:
    """Return the CPU time that workers and their pools have used, user and system, in seconds."""
    total = 0.0
    for worker in workers:
        main = psutil.Process(worker.process.pid)
        for process in (main, *main.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def wait_captured(settings: Settings, trades: int, *, already: int = 0) -> tuple[float, int]:
    """Wait until all trades are captured.

    Args:
        settings: with the ledger.
        trades: how many to wait for.
        already: captured before the measurement began.

    Returns:
        The moment (`time.monotonic`), and the number of captured trades.

    Raises:
        TimeoutError: they were not captured within 300 s.
    """
    engine = create_engine(settings.database_url)
    captured = select(func.coalesce(func.sum(partitions.c.last_sequence), 0))
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        while time.monotonic() < deadline:
            with engine.connect() as connection:
                number = int(connection.execute(captured).scalar_one())
            if number >= trades + already:
                return time.monotonic(), number
            time.sleep(POLL_INTERVAL_SECONDS)
    finally:
        engine.dispose()
    raise TimeoutError(f"{number} of {trades} trades captured after {TIMEOUT_SECONDS} s")


def inversions(settings: Settings) -> int:
    """Return how many trades were captured after a trade that was accepted later."""
    with open_engine(settings) as (engine, dialect):
        return LedgerReader(engine, dialect).count_inversions()
