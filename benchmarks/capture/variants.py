"""The variants of capture that are compared: this fleet, one task a trade, and plain COPY."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psutil
import psycopg
from celery import Celery
from redis import Redis
from sqlalchemy import make_url

from benchmarks.capture.measurement import (
    BenchmarkServers,
    Measurement,
    cpu_seconds,
    environment_of,
    inversions,
    running,
    wait_captured,
)
from benchmarks.capture.task_per_trade import QUEUE
from benchmarks.submissions import valid_submissions
from tradecapture.capture.bell import Bell
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import Claim, ClaimedPartition, Entry, Inbox
from tradecapture.inbox.keys import lane_keys
from tradecapture.ledger.rows import new_partition
from tradecapture.ledger.rules.decision import decide
from tradecapture.ledger.rules.partition import CaptureContext
from tradecapture.ledger.rules.state import ExistingTrades, LedgerState
from tradecapture.ledger.schema.tables import trades
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission

SEED = 20261124
COPY_BATCH = 500  # trades a transaction of plain COPY


def make_submissions(count: int, partitions: int) -> list[Submission]:
    """Return valid trades that are spread evenly over partitions."""
    return valid_submissions(count, partitions, SEED, datetime.now(UTC).date())


def measure_fleet(
    servers: BenchmarkServers, name: str, what: str, submissions: Sequence[Submission], workers: int
) -> Measurement:
    """Measure this fleet: first all trades are accepted, then all workers begin at once."""
    settings = servers.reset()
    inbox = Inbox.connect(settings)
    inbox.check_lane_count()
    inbox.accept(submissions)
    lanes = [lane_keys(lane) for lane in range(settings.lanes)]
    busy_lanes = [keys for keys in lanes if inbox.redis.exists(keys.due)]
    # Hidden from the workers until all of them are ready.
    for keys in busy_lanes:
        inbox.redis.rename(keys.due, f"{keys.due}:aside")
    environment = environment_of(settings)
    local_workers = [
        LocalWorker(f"{name}{number}", servers.folder / f"{name}{number}.log", environment)
        for number in range(workers)
    ]
    with running(local_workers):
        servers.wait_until_idle()
        cpu, started = cpu_seconds(local_workers), time.monotonic()
        for keys in busy_lanes:
            inbox.redis.rename(f"{keys.due}:aside", keys.due)
            inbox.redis.delete(keys.bell)
        Bell(
            sending_app(settings.broker, settings.connect_seconds, settings.sentinels), inbox
        ).ring(inbox.reserve_bells())
        ended, _ = wait_captured(settings, len(submissions))
        cpu = cpu_seconds(local_workers) - cpu
    return Measurement(name, what, len(submissions), ended - started, cpu, inversions(settings))


def measure_task_per_trade(
    servers: BenchmarkServers,
    name: str,
    what: str,
    submissions: Sequence[Submission],
    concurrency: int,
) -> Measurement:
    """Measure one task a trade: first all tasks are queued, then the worker begins."""
    settings = servers.reset()
    redis = Redis.from_url(settings.redis_url)
    sender = Celery("usual_way", broker=settings.redis_url)
    positions: dict[str, int] = {}
    for submission in submissions:
        position = positions[submission.partition_key] = (
            positions.get(submission.partition_key, 0) + 1
        )
        sender.send_task(
            "usual.capture", args=(submission.document.decode(), position), queue=QUEUE
        )
    redis.rename(QUEUE, f"{QUEUE}:aside")
    worker = LocalWorker(
        name,
        servers.folder / f"{name}.log",
        environment_of(settings),
        concurrency=concurrency,
        app="benchmarks.capture.task_per_trade",
    )
    with running([worker]):
        servers.wait_until_idle()
        cpu, started = cpu_seconds([worker]), time.monotonic()
        redis.rename(f"{QUEUE}:aside", QUEUE)
        ended, _ = wait_captured(settings, len(submissions))
        cpu = cpu_seconds([worker]) - cpu
    return Measurement(name, what, len(submissions), ended - started, cpu, inversions(settings))


def measure_copy(
    servers: BenchmarkServers, name: str, what: str, submissions: Sequence[Submission]
) -> Measurement:
    """Measure the upper bound: the same rows by COPY, on one connection, and nothing else."""
    settings = servers.reset()
    rows = [
        tuple(None if cell is None else str(cell) for cell in row) for row in _rows(submissions)
    ]
    columns = ", ".join(column.name for column in trades.columns)
    url = make_url(settings.database_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        servers.wait_until_idle()
        process = psutil.Process()
        before, started = process.cpu_times(), time.monotonic()
        for first in range(0, len(rows), COPY_BATCH):
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY trades ({columns}) FROM STDIN".encode()) as copy,
            ):
                for row in rows[first : first + COPY_BATCH]:
                    copy.write_row(row)
            connection.commit()
        ended, after = time.monotonic(), process.cpu_times()
    cpu = after.user + after.system - before.user - before.system
    return Measurement(name, what, len(rows), ended - started, cpu, inversions(settings))


def _rows(submissions: Sequence[Submission]) -> Sequence[tuple[object, ...]]:
    """Return the rows that the fleet would write for these trades."""
    now = datetime.now(UTC)
    entries: dict[PartitionKey, list[Entry]] = {}
    for submission in submissions:
        waiting = entries.setdefault(submission.partition_key, [])
        accepted_ms = round(now.timestamp() * 1000)
        waiting.append(Entry(len(waiting) + 1, 1, accepted_ms, submission))
    claimed = tuple(ClaimedPartition(key, tuple(waiting)) for key, waiting in entries.items())
    claim = Claim(0, "benchmark", 1, 0, claimed)
    rows = {key: new_partition(key, now) for key in entries}
    state = LedgerState(rows, ExistingTrades({}, ()), {})
    context = CaptureContext(1, "3fa85f64-5717-4562-b3fc-2c963f66afa6", now)
    return decide(claim, state, context).write_set.trades
