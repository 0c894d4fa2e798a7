"""The backlog: trades that wait before the workers begin, made once and copied for each cell."""

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
from benchmarks.scaling.stage import BROKER_DATABASE, Stage
from benchmarks.submissions import valid_submissions
from tradecapture.inbox import Inbox, connect_redis
from tradecapture.inbox.keys import LANES_KEY
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission

FIRST_DATABASE = BROKER_DATABASE + 1
# Keys that an acceptance leaves and no capture reads; or that must not be there before a bell.
LEFT_OUT = re.compile(r":(seen:|identity:|bell$)")
SCAN_KEYS = 5000  # looked at in one call


class Usage(NamedTuple):
    """What Redis has used at one moment."""

    memory_bytes: int
    cpu_seconds: float

    @classmethod
    def now(cls, stage: Stage, redis: "Redis") -> "Usage":
        """Look."""
        times = psutil.Process(stage.redis.process.pid).cpu_times()
        return cls(redis.info("memory")["used_memory"], times.user + times.system)


class Backlogs:
    """The prepared backlogs of all mixes, each in a database of Redis of its own."""

    def __init__(self, stage: Stage, trades: int, usual_trades: int) -> None:
        """Prepare to make them.

        Args:
            stage: whose Redis holds them.
            trades: of each mix for the fleet.
            usual_trades: of each mix for the usual way, which captures few.
        """
        self._stage, self._trades, self._usual_trades = stage, trades, usual_trades
        self._made: dict[str, int] = {}  # mix -> database
        self._partitions: dict[str, list[PartitionKey]] = {}
        self.footprint = Footprint(0.0, 0.0, 0.0)  # of the backlog that was made last

    def trades(self, way: str) -> int:
        """How many trades wait at the beginning of a cell."""
        return self._trades if way == FLEET else self._usual_trades

    def partition_keys(self, mix: str) -> list[PartitionKey]:
        """Return the keys of a mix's partitions."""
        return self._partitions[mix]

    def make(self, mix: str) -> None:
        """Accept the trades of a mix, and queue some of them for the usual way."""
        if mix in self._made:
            return
        number = self._made[mix] = FIRST_DATABASE + len(self._made)
        shape = MIXES[mix]
        today = datetime.now(UTC).date()
        made = valid_submissions(self._trades, shape.partitions, SEED, today, skew=shape.skew)
        self._partitions[mix] = sorted({submission.partition_key for submission in made})
        settings = self._stage.settings
        url = self._stage.redis_url(number)
        with closing(connect_redis(url, settings.connect_seconds)) as redis:
            accepting = Usage.now(self._stage, redis)
            inbox = Inbox(redis, settings)
            inbox.check_lane_count()
            inbox.accept(made)
            accepted = Usage.now(self._stage, redis)
            redis.delete(*(key for key in _keys(redis) if LEFT_OUT.search(key)))
            kept = Usage.now(self._stage, redis)
        self.footprint = Footprint(
            redis_memory_bytes=(kept.memory_bytes - accepting.memory_bytes) / len(made),
            seen_bytes=(accepted.memory_bytes - kept.memory_bytes) / len(made),
            accept_redis_seconds=(accepted.cpu_seconds - accepting.cpu_seconds) / len(made),
        )
        _queue(url, made[: self._usual_trades])

    def put(self, way: str, mix: str) -> None:
        """Let the backlog of a mix wait for the workers of a way, and nothing else."""
        self.remove()
        redis = self._stage.redis_database(self._made[mix])
        if way != FLEET:
            redis.copy(QUEUE, QUEUE, destination_db=str(BROKER_DATABASE), replace=True)
            return
        with redis.pipeline(transaction=False) as pipeline:
            for key in _keys(redis):
                if key != QUEUE and not key.startswith("_kombu"):
                    pipeline.copy(key, key, destination_db="0")
            pipeline.execute()

    def remove(self) -> None:
        """Let nothing wait for the fleet any more."""
        inboxes = self._stage.redis_database(0)
        inboxes.flushdb()
        inboxes.set(LANES_KEY, self._stage.settings.lanes)


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
