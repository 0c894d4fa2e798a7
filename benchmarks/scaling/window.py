"""The window: how many trades are captured in a few seconds of steady work, and at what cost."""

import time
from typing import Any, NamedTuple

import psutil
import psycopg
from redis import Redis

from benchmarks.capture.measurement import cpu_seconds
from benchmarks.scaling.crew import Crew
from benchmarks.scaling.stage import Stage

POLL_SECONDS = 0.02  # how often the ledger is asked how far it is
# Before the window: every process has made its connection, and two sweeps have looked for lanes
# that need another worker.
SETTLING_SECONDS = 1.0
CONNECT_ANSWERS = 15  # of PostgreSQL, until a worker's first transaction has begun
FIRST_SECONDS = 60.0  # after which a crew that captures nothing has failed
MAX_WINDOWS = 5  # as long as this, where a crew is so slow that nothing falls into one
ENOUGH = 0.9  # of the backlog: the window ends before the backlog does

# Bytes of the trades with their indexes, and of all that was ever written to the log.
_SIZES = b"SELECT pg_total_relation_size('trades'), pg_current_wal_lsn() - '0/0'::pg_lsn"


class Window(NamedTuple):
    """What was captured, from one commit to another, and what was used in that time."""

    trades: int
    seconds: float
    used: dict[str, float]  # CPU seconds of workers and servers, answers, bytes


def watch(
    stage: Stage,
    crew: Crew,
    backlog: int,
    delay_seconds: float,
    seconds: float,
    *,
    with_costs: bool = False,
) -> Window:
    """Let a crew begin, and count over a window.

    From a commit that was seen to another, so that whole batches are counted also where few of
    them fall into the window.

    Args:
        stage: to measure on.
        crew: which waits for its bells.
        backlog: how many trades wait.
        delay_seconds: of each answer.
        seconds: length of the window; longer where nothing at all was captured in it.
        with_costs: also look at what is used, which takes some of the machine's time itself.

    Raises:
        TimeoutError: nothing was captured.
    """
    with stage.connect() as connection, stage.redis_database(0) as redis:

        def captured() -> int:
            (row,) = connection.execute("SELECT coalesce(sum(last_sequence), 0) FROM partitions")
            return int(str(row[0]))

        def change(number: int, deadline: float) -> tuple[int, float]:
            """Wait for the next commit; return how many there are then, and when it was."""
            while (now := captured()) == number and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            return now, time.monotonic()

        crew.begin()
        first, _ = change(0, time.monotonic() + FIRST_SECONDS)
        if not first:
            raise TimeoutError(f"nothing was captured within {FIRST_SECONDS:.0f} s")
        time.sleep(SETTLING_SECONDS + CONNECT_ANSWERS * delay_seconds)
        start, started = change(captured(), time.monotonic() + MAX_WINDOWS * seconds)
        before = _used(stage, crew, redis, connection) if with_costs else {}
        number, at = start, started
        while at < started + seconds and number < ENOUGH * backlog:
            patience = seconds if number > start else MAX_WINDOWS * seconds
            following, then = change(number, started + patience)
            if following == number:
                break
            number, at = following, then
        after = _used(stage, crew, redis, connection) if with_costs else {}
    used = {name: after[name] - before[name] for name in after}
    return Window(number - start, at - started, used)


def _used(
    stage: Stage, crew: Crew, redis: "Redis", connection: "psycopg.Connection[Any]"
) -> dict[str, float]:
    """Return what has been used so far: seconds of CPU, answers, commands, bytes."""
    statistics = redis.info("stats")
    (sizes,) = connection.execute(_SIZES)
    return {
        "worker": cpu_seconds(crew.workers),
        **{name: _cpu(stage.processes_of(name)) for name in ("redis", "postgresql", "proxy")},
        "answers": stage.proxy.answers,
        "database_bytes": stage.proxy.bytes_passed,
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
        except psutil.NoSuchProcess:  # PostgreSQL's helpers come and go
            continue
        total += times.user + times.system
    return total
