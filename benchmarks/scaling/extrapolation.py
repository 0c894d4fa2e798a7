"""The extrapolation: what 10^9 trades a day would need, from the measured costs of a trade."""

from typing import NamedTuple

from benchmarks.scaling.cell import DEFAULT_BATCH
from benchmarks.scaling.costs import Costs, Footprint

DAY_SECONDS = 86_400
TRADES_A_DAY = 10**9
BURST = 8  # times the mean: the desk's busiest hours
# Assumptions, not measurements.
FULL = 0.7  # share of a core or a link that is used; above it queues grow
DATABASE_CORES = 32  # of one PostgreSQL server
DISK_BYTES = 30e12  # of one PostgreSQL server
LINK_BYTES = 10e9 / 8  # a second, of one server
DELAY_SECONDS = 0.005  # of each answer of the database, in one region
MEMORY_BYTES = 64e9  # of one Redis server


class Part(NamedTuple):
    """A part of the deployment: what one of it carries, and how many a burst needs."""

    name: str
    one_carries: float  # trades a second
    needed: float  # of them, for a burst
    remedy: str


def parts(costs: Costs, footprint: Footprint, idempotency_seconds: float) -> list[Part]:
    """Return the servers, the one that fills first at the top, then workers and partitions."""
    batch = DEFAULT_BATCH
    mean = TRADES_A_DAY / DAY_SECONDS
    burst = BURST * mean
    seconds = costs.batch_seconds(batch, DELAY_SECONDS)
    redis = (costs.redis.of(batch) / batch) + footprint.accept_redis_seconds
    database = costs.postgresql.of(batch) / batch
    redis_network = costs.redis_bytes.of(batch) / batch
    # `seen` keys stay for a day, so the mean rate fills the memory and not the burst.
    memory = MEMORY_BYTES * FULL / (footprint.seen_bytes * idempotency_seconds)
    month = 30 * DAY_SECONDS
    ledger, log = costs.ledger_bytes.of(batch) / batch, costs.log_bytes.of(batch) / batch
    disk = DISK_BYTES * FULL / (ledger * month)
    capacities = (
        ("Redis, one core", FULL / redis, burst, "lanes on several servers, or on a cluster"),
        (
            "Redis, memory of a day's ids",
            memory,
            mean,
            "lanes on several servers; a shorter TRADECAPTURE_IDEMPOTENCY_SECONDS",
        ),
        (
            "Redis, network",
            FULL * LINK_BYTES / (2 * redis_network),
            burst,
            "lanes on several servers",
        ),
        (
            f"PostgreSQL, {DATABASE_CORES} cores",
            FULL * DATABASE_CORES / database,
            burst,
            "ledgers sharded by a hash of the partition",
        ),
        (
            "PostgreSQL, disk of 30 days",
            disk,
            mean,
            "ledgers sharded; months moved to an archive; replicas for status and search",
        ),
        (
            "PostgreSQL, write-ahead log on the network",
            FULL * LINK_BYTES / log,
            burst,
            "ledgers sharded",
        ),
    )
    servers = [
        Part(name, carries, load / carries, remedy) for name, carries, load, remedy in capacities
    ]
    worker = batch / seconds
    return [
        *sorted(servers, key=lambda part: -part.needed),
        # There are many of these by design.
        Part(
            "a worker process", worker, burst / worker, "more; partitions due bound how many help"
        ),
        Part("one partition", worker, 0.0, "nothing: its trades are in order, batch after batch"),
    ]


def facts(costs: Costs, footprint: Footprint, pool_size: int) -> list[tuple[str, float]]:
    """Return what a day and a burst amount to: what it is, and the value."""
    batch = DEFAULT_BATCH
    mean = TRADES_A_DAY / DAY_SECONDS
    burst = BURST * mean
    seconds = costs.batch_seconds(batch, DELAY_SECONDS)
    processes = burst * seconds / batch
    values = {
        "mean, trades/s": mean,
        "burst, trades/s": burst,
        "worker processes in a burst": processes,
        "their database connections, at most": processes * pool_size,
        "cores for workers in a burst": burst * costs.worker.of(batch) / batch,
        "cores for PostgreSQL in a burst": burst * costs.postgresql.of(batch) / batch,
        "cores for Redis in a burst": burst
        * (costs.redis.of(batch) / batch + footprint.accept_redis_seconds),
        "Redis commands/s of capture in a burst": burst * costs.redis_commands.of(batch) / batch,
        "Redis CPU, µs a trade": 1e6
        * (costs.redis.of(batch) / batch + footprint.accept_redis_seconds),
        "transactions/s in a burst": burst / batch,
        "answers of the database/s in a burst": burst * costs.answers.of(batch) / batch,
        "network to Redis in a burst, MB/s": burst * costs.redis_bytes.of(batch) / batch / 1e6,
        "network to PostgreSQL in a burst, MB/s": burst
        * costs.database_bytes.of(batch)
        / batch
        / 1e6,
        "ledger, TB a day": TRADES_A_DAY * costs.ledger_bytes.of(batch) / batch / 1e12,
        "write-ahead log, TB a day": TRADES_A_DAY * costs.log_bytes.of(batch) / batch / 1e12,
        "Redis memory of a day's ids, GB": TRADES_A_DAY * footprint.seen_bytes / 1e9,
        "Redis memory of one minute of a burst that waits, GB": 60
        * burst
        * footprint.redis_memory_bytes
        / 1e9,
    }
    return list(values.items())
