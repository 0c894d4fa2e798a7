"""The backlog: the trades that wait before the workers begin, made once and copied a cell."""

import re
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psutil
from celery import Celery
from redis import Redis

from benchmarks.capture.task_per_trade import QUEUE
from benchmarks.capture.variants import SEED
from benchmarks.scaling.cell import FLEET, MIXES
from benchmarks.scaling.costs import Footprint
from benchmarks.scaling.measurement.servers import BROKER_DATABASE, ScalingServers
from benchmarks.submissions import valid_submissions
from tradecapture.inbox import Inbox, connect_redis
from tradecapture.inbox.keys import LANES_KEY
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission

FIRST_DATABASE = BROKER_DATABASE + 1
# Keys that no capture reads, and bells, which would keep the workers from being rung.
LEFT_OUT = re.compile(r":(seen:|identity:|bell$)")
SCAN_KEYS = 5000  # keys a SCAN call


class Usage(NamedTuple):
    """What Redis has used up to one moment."""

    memory_bytes: int
    cpu_seconds: float

    @classmethod
    def now(cls, servers: ScalingServers, redis: "Redis") -> "Usage":
        """Ask Redis and the operating system."""
        times = psutil.Process(servers.redis.process.pid).cpu_times()
        return cls(redis.info("memory")["used_memory"], times.user + times.system)


class Backlogs:
    """The prepared backlogs of all mixes, each in its own database of Redis."""

    def __init__(self, servers: ScalingServers, trades: int, usual_trades: int) -> None:
        """Prepare; `make` makes a backlog.

        Args:
            servers: with the Redis that holds the backlogs.
            trades: of each mix for the fleet.
            usual_trades: of each mix for the usual way, which captures fewer.
        """
        self._servers, self._trades, self._usual_trades = servers, trades, usual_trades
        self._databases: dict[str, int] = {}  # mix -> database of Redis
        self._partitions: dict[str, list[PartitionKey]] = {}
        self.footprint = Footprint(0.0, 0.0, 0.0)  # of the newest backlog

    def trades(self, variant: str) -> int:
        """Return how many trades wait at the beginning of a cell."""
        return self._trades if variant == FLEET else self._usual_trades

    def partition_keys(self, mix: str) -> list[PartitionKey]:
        """Return the keys of a mix's partitions."""
        return self._partitions[mix]

    def make(self, mix: str) -> None:
        """Accept the trades of a mix, and queue some of them for the usual way."""
        if mix in self._databases:
            return
        number = self._databases[mix] = FIRST_DATABASE + len(self._databases)
        shape = MIXES[mix]
        today = datetime.now(UTC).date()
        submissions = valid_submissions(
            self._trades, shape.partitions, SEED, today, skew=shape.skew
        )
        self._partitions[mix] = sorted({submission.partition_key for submission in submissions})
        settings = self._servers.settings
        url = self._servers.redis_url(number)
        with closing(connect_redis(url, settings.connect_seconds)) as redis:
            before = Usage.now(self._servers, redis)
            inbox = Inbox(redis, settings)
            inbox.check_lane_count()
            inbox.accept(submissions)
            after = Usage.now(self._servers, redis)
            redis.delete(*(key for key in _keys(redis) if LEFT_OUT.search(key)))
            without_ids = Usage.now(self._servers, redis)
        self.footprint = Footprint(
            redis_memory_bytes=(without_ids.memory_bytes - before.memory_bytes) / len(submissions),
            seen_bytes=(after.memory_bytes - without_ids.memory_bytes) / len(submissions),
            accept_redis_seconds=(after.cpu_seconds - before.cpu_seconds) / len(submissions),
        )
        _queue(url, submissions[: self._usual_trades])

    def put(self, variant: str, mix: str) -> None:
        """Put the backlog of a mix where the workers of a variant find it, and nothing else."""
        self.remove()
        redis = self._servers.redis_database(self._databases[mix])
        if variant != FLEET:
            redis.copy(QUEUE, QUEUE, destination_db=str(BROKER_DATABASE), replace=True)
            return
        with redis.pipeline(transaction=False) as pipeline:
            for key in _keys(redis):
                if key != QUEUE and not key.startswith("_kombu"):
                    pipeline.copy(key, key, destination_db="0")
            pipeline.execute()

    def remove(self) -> None:
        """Remove the fleet's backlog."""
        inboxes = self._servers.redis_database(0)
        inboxes.flushdb()
        inboxes.set(LANES_KEY, self._servers.settings.lanes)


def _keys(redis: "Redis") -> list[str]:
    return [key.decode() for key in redis.scan_iter(count=SCAN_KEYS)]


def _queue(url: str, submissions: Sequence[Submission]) -> None:
    sender = Celery("usual_way", broker=url)
    positions: dict[str, int] = {}
    with sender.producer_pool.acquire(block=True) as producer:
        for sent in submissions:
            position = positions[sent.partition_key] = positions.get(sent.partition_key, 0) + 1
            arguments: tuple[Any, ...] = (sent.document.decode(), position)
            sender.send_task("usual.capture", args=arguments, queue=QUEUE, producer=producer)
