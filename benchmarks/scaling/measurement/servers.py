"""The servers that cells are measured on: Redis, PostgreSQL, and a proxy that delays answers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import psutil
import psycopg
from redis import Redis
from sqlalchemy import make_url, text

from benchmarks.capture.measurement import BenchmarkServers
from benchmarks.scaling.measurement.delay_proxy import DelayProxy
from tradecapture.ledger.engine import open_engine
from tradecapture.ledger.rows import new_partition
from tradecapture.ledger.schema.tables import metadata, partitions
from tradecapture.local.servers.ports import LOOPBACK
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.settings import Settings
from tradecapture.trades.partition import PartitionKey

BROKER_DATABASE = 1  # of Redis; the inboxes are in 0, prepared backlogs in the following ones
LIMIT = 10**9  # trades that may wait: the whole backlog is there before the workers
DELAY_SAMPLES = 25  # answers to measure the delay with; the median counts


class ScalingServers(NamedTuple):
    """Everything that cells are measured on."""

    folder: Path
    servers: BenchmarkServers
    settings: Settings  # of workers: they reach the ledger through the proxy
    direct_url: str  # of the ledger, without the proxy
    proxy: DelayProxy
    redis: RedisServer
    postgresql: PostgresqlServer

    def redis_url(self, number: int) -> str:
        """Return the URL of one of Redis' databases."""
        return f"{self.redis.url.removesuffix('/0')}/{number}"

    def redis_database(self, number: int) -> "Redis":
        """Return a client of one of Redis' databases."""
        return Redis.from_url(self.redis_url(number))

    def connect(self, url: str | None = None) -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection to the ledger: direct, or by another URL."""
        plain = make_url(url or self.direct_url).set(drivername="postgresql")
        return psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True)

    def empty_ledger(self, partition_keys: Sequence[PartitionKey]) -> None:
        """Remove all rows, then add one for each partition, as if each had traded before."""
        names = ", ".join(table.name for table in metadata.sorted_tables)
        rows = [new_partition(key, datetime.now(UTC)) for key in partition_keys]
        settings = Settings(database_url=self.direct_url, connect_seconds=5)
        with open_engine(settings) as (engine, dialect):
            with engine.begin() as connection:
                connection.execute(text(f"TRUNCATE {names}"))
                dialect.insert_rows(connection, partitions, rows)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("ANALYZE"))

    def processes_of(self, server: str) -> list[psutil.Process]:
        """Return the processes of a server by its name: redis, postgresql or proxy."""
        pid = {
            "redis": self.redis.process.pid,
            "postgresql": self.postgresql.process.pid,
            "proxy": self.proxy.pid,
        }[server]
        main = psutil.Process(pid)
        return [main, *main.children(recursive=True)]

    def delay_seconds(self) -> float:
        """Measure how long the proxy really delays an answer, in seconds."""
        return self._answer_seconds(self.settings.database_url) - self._answer_seconds()

    def _answer_seconds(self, url: str | None = None) -> float:
        with self.connect(url) as connection:
            seconds = []
            for _ in range(DELAY_SAMPLES):
                started = perf_counter()
                connection.execute("SELECT 1")
                seconds.append(perf_counter() - started)
        return median(seconds)


@contextmanager
def open_servers(folder: Path) -> Iterator[ScalingServers]:
    """Start the servers and the proxy, with empty tables."""
    with (
        RedisServer(folder / "redis") as redis,
        PostgresqlServer(folder / "postgresql") as postgresql,
    ):
        servers = BenchmarkServers(folder, redis, postgresql)
        settings = servers.reset()
        # A rewrite of the append-only file would slow down one cell and not the next.
        Redis.from_url(redis.url).config_set("auto-aof-rewrite-percentage", 0)
        url = make_url(settings.database_url)
        socket_path = f"{url.query['host']}/.s.PGSQL.5432"
        with DelayProxy(socket_path) as proxy:
            through_proxy = url.set(query={}, host=LOOPBACK, port=proxy.port)
            settings = replace(
                settings,
                broker_url=f"{redis.url.removesuffix('/0')}/{BROKER_DATABASE}",
                database_url=through_proxy.render_as_string(hide_password=False),
                limit_total=LIMIT,
                limit_lane=LIMIT,
                limit_partition=LIMIT,
            )
            yield ScalingServers(folder, servers, settings, str(url), proxy, redis, postgresql)
