"""A window: counts the trades captured in some seconds of steady work, and what they cost."""

import time
from typing import Any, NamedTuple

import psutil
import psycopg
from redis import Redis

from benchmarks.capture.measurement import cpu_seconds
from benchmarks.scaling.measurement.servers import ScalingServers
from benchmarks.scaling.measurement.worker_group import WorkerGroup

POLL_INTERVAL_SECONDS = 0.02  # between two queries of the number of captured trades
# Before the window: every process has connected, and two sweeps have looked for lanes that need
# another worker.
SETTLING_SECONDS = 1.0
CONNECT_ANSWERS = 15  # of PostgreSQL, until a worker's first transaction has begun
FIRST_COMMIT_TIMEOUT_SECONDS = 60.0
MAX_WINDOWS = 5  # windows to wait for a commit, if the workers are so slow that one has none
MAX_SHARE = 0.9  # of the backlog: the window ends before the backlog does

# Bytes of the trades with their indexes, and bytes written to the write-ahead log so far.
_SIZES = b"SELECT pg_total_relation_size('trades'), pg_current_wal_lsn() - '0/0'::pg_lsn"


class Window(NamedTuple):
    """What was captured between two commits, and what was used in that time."""

    trades: int
    seconds: float
    used: dict[str, float]  # CPU seconds of workers and servers, answers, bytes


def measure_window(
    servers: ScalingServers,
    workers: WorkerGroup,
    backlog: int,
    delay_seconds: float,
    seconds: float,
    *,
    with_costs: bool = False,
) -> Window:
    """Let the workers begin, and count over a window.

    The window lasts from one commit to another, so that whole batches are counted even if few of
    them fall into it.

    Args:
        servers: to measure on.
        workers: that wait for their bells.
        backlog: how many trades wait.
        delay_seconds: of each answer.
        seconds: length of the window; longer if nothing at all was captured in it.
        with_costs: whether to measure CPU, bytes and answers too, which itself needs some CPU.

    Raises:
        TimeoutError: nothing was captured within 60 s.
    """
    with servers.connect() as connection, servers.redis_database(0) as redis:

        def captured() -> int:
            (row,) = connection.execute("SELECT coalesce(sum(last_sequence), 0) FROM partitions")
            return int(str(row[0]))

        def next_commit(number: int, deadline: float) -> tuple[int, float]:
            """Wait until more trades are captured; return how many there are, and when."""
            while (now := captured()) == number and time.monotonic() < deadline:
                time.sleep(POLL_INTERVAL_SECONDS)
            return now, time.monotonic()

        workers.begin()
        first, _ = next_commit(0, time.monotonic() + FIRST_COMMIT_TIMEOUT_SECONDS)
        if not first:
            raise TimeoutError(f"no trade captured within {FIRST_COMMIT_TIMEOUT_SECONDS:.0f} s")
        time.sleep(SETTLING_SECONDS + CONNECT_ANSWERS * delay_seconds)
        start, started = next_commit(captured(), time.monotonic() + MAX_WINDOWS * seconds)
        before = _used(servers, workers, redis, connection) if with_costs else {}
        number, at = start, started
        while at < started + seconds and number < MAX_SHARE * backlog:
            timeout = seconds if number > start else MAX_WINDOWS * seconds
            next_number, next_at = next_commit(number, started + timeout)
            if next_number == number:
                break
            number, at = next_number, next_at
        after = _used(servers, workers, redis, connection) if with_costs else {}
    used = {name: after[name] - before[name] for name in after}
    return Window(number - start, at - started, used)


def _used(
    servers: ScalingServers,
    workers: WorkerGroup,
    redis: "Redis",
    connection: "psycopg.Connection[Any]",
) -> dict[str, float]:
    """Return what has been used so far: seconds of CPU, answers, commands, bytes."""
    statistics = redis.info("stats")
    (sizes,) = connection.execute(_SIZES)
    return {
        "worker": cpu_seconds(workers.workers),
        **{name: _cpu(servers.processes_of(name)) for name in ("redis", "postgresql", "proxy")},
        "answers": servers.proxy.answers,
        "database_bytes": servers.proxy.bytes_passed,
        "redis_bytes": statistics["total_net_input_bytes"] + statistics["total_net_output_bytes"],
        "redis_commands": statistics["total_commands_processed"],
        "ledger_bytes": float(sizes[0]),
        "log_bytes": float(sizes[1]),
    }


def _cpu(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:  # PostgreSQL's helper processes come and go
            continue
        total += times.user + times.system
    return total
