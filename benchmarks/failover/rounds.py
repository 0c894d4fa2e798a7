"""Rounds of kills in one fleet: some workers are killed together and then started again."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.capture.measurement import environment_of, running
from benchmarks.failover.killed_worker import Kill, KillScenario, workers_by_pool_process
from benchmarks.submissions import valid_submissions
from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.trades.partition import PartitionKey, lane_of
from tradecapture.trades.submission import Submission

KILLS_A_ROUND = 5  # workers killed within seconds of each other, each in a different lane
SURVIVORS = 2  # workers left; with more of them there are more sweeps, and failover is faster
CONNECTIONS = 2 * KILLS_A_ROUND  # database connections to watch all partitions of a round
SPARE = 4  # partitions made for each one that is used, so that each round finds five lanes
TRAFFIC_INTERVAL_SECONDS = 0.05  # between two trades; a lane gets about one a second
TRAFFIC_TRADES = 2_000  # a round at most: 100 s of traffic
TRAFFIC_PARTITIONS = 200


class KillRound(NamedTuple):
    """The kills of one round."""

    with_traffic: bool  # whether other partitions of the same lanes got trades at the same time
    kills: list[Kill]


def run_rounds(folder: Path, settings: Settings, kills: int, random: Random) -> Iterator[KillRound]:
    """Run a fleet and yield each round of kills; every second round has traffic.

    Raises:
        TimeoutError: a partition was not captured again.
    """
    workers = [
        LocalWorker(f"w{number}", folder / f"w{number}.log", environment_of(settings))
        for number in range(KILLS_A_ROUND + SURVIVORS)
    ]
    pairs = _pairs(kills, settings.lanes, random)
    with closing(Gateway(replace(settings, pool_size=CONNECTIONS))) as gateway, running(workers):
        for round_number in count():
            chosen = pairs[round_number * KILLS_A_ROUND :][:KILLS_A_ROUND]
            if not chosen:
                return
            # A claim is up to a lease old, so that a kill can fall between any two renewals.
            ages = [random.uniform(0, settings.lease_seconds) for _ in chosen]
            with_traffic = round_number % 2 == 1
            with _traffic(gateway, random.randrange(10**6)) if with_traffic else nullcontext():
                killed = _kill(gateway, workers, chosen, ages)
            for worker, _result in killed:
                worker.launch()
            for worker, _result in killed:
                worker.wait_ready()
            yield KillRound(with_traffic, [kill for _worker, kill in killed])


def _kill(
    gateway: Gateway,
    workers: Sequence[LocalWorker],
    pairs: Sequence[tuple[Submission, Submission]],
    ages: Sequence[float],
) -> list[tuple[LocalWorker, Kill]]:
    scenarios = [KillScenario(gateway, first) for first, _second in pairs]
    processes = workers_by_pool_process(workers)
    with ThreadPoolExecutor(len(pairs)) as pool:
        kills = [
            pool.submit(scenario.kill, processes, second, age)
            for scenario, (_first, second), age in zip(scenarios, pairs, ages, strict=True)
        ]
    return [kill.result() for kill in kills]


def _pairs(kills: int, lanes: int, random: Random) -> list[tuple[Submission, Submission]]:
    """Return two trades for each kill; the partitions of a round are in different lanes."""
    partitions: dict[PartitionKey, list[Submission]] = defaultdict(list)
    seed = random.randrange(10**6)
    for submission in valid_submissions(2 * SPARE * kills, SPARE * kills, seed, _today()):
        partitions[submission.partition_key].append(submission)
    unused = {key: pair for key, pair in partitions.items() if len(pair) > 1}
    chosen: list[tuple[Submission, Submission]] = []
    while len(chosen) < kills:
        by_lane = {lane_of(key, lanes): key for key in unused}
        for key in random.sample(list(by_lane.values()), min(KILLS_A_ROUND, kills - len(chosen))):
            first, second, *_rest = unused.pop(key)
            chosen.append((first, second))
    return chosen


@contextmanager
def _traffic(gateway: Gateway, seed: int) -> Iterator[None]:
    """Submit a trade from time to time, in all lanes."""
    stopping = threading.Event()

    def submit() -> None:
        for trade in valid_submissions(TRAFFIC_TRADES, TRAFFIC_PARTITIONS, seed, _today()):
            if stopping.wait(TRAFFIC_INTERVAL_SECONDS):
                break
            gateway.accept([trade])

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _today() -> date:
    return datetime.now(UTC).date()
