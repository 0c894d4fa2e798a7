"""Workers that are killed at random moments lose, double and reorder no trade."""

import time
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from itertools import cycle
from random import Random

import psutil
import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_gateway
from tests.support.faults.dead_claims import DeadClaims
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.worker import LocalWorker

TRADES, KILLS = 50_000, 20
SMALL_BATCH = 40  # trades, so that many kills hit a transaction
LEASE_SECONDS = 1.0  # short, so that the leases of twenty dead workers expire within the run
MAX_SOAK_PAUSE_SECONDS = 0.05  # before a kill: the time of a few transactions
RUN_SECONDS = 100.0  # the maximum time to capture all trades on a busy machine


class KillKind(StrEnum):
    """The processes that get the SIGKILL."""

    CHILD = "child"  # a pool process; Celery replaces it
    MAIN = "main"  # the main process alone: its pool is orphaned
    MACHINE = "machine"  # both at once


KINDS = (KillKind.CHILD, KillKind.MAIN, KillKind.CHILD, KillKind.MACHINE)  # in turn


@pytest.mark.timeout(300)
def test_twenty_kills_lose_double_and_reorder_nothing(
    deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """Twenty SIGKILLs of main and pool processes leave every trade captured once and in order."""
    deployment.settings = replace(
        deployment.settings,
        batch_trades=SMALL_BATCH,
        lease_seconds=LEASE_SECONDS,
        bell_seconds=LEASE_SECONDS,  # bells that a killed main process held are lost
    )
    workers = [deployment.start_worker(f"w{number}", concurrency=2) for number in range(3)]
    for worker in workers:
        worker.wait_ready()
    random, gateway, log = Random(7), deployment.gateway(), history.log("killer")
    claims, hits, orphans = DeadClaims(gateway), 0, []
    moments = sorted(random.sample(range(TRADES // 50, TRADES * 9 // 10), KILLS))
    sender = of_gateway(deployment.gateway())
    with Traffic(history, sender, trades=TRADES, trades_a_call=50, partitions=400) as traffic:
        for moment, kind in zip(moments, cycle(KINDS), strict=False):
            _wait_for_captured(gateway, moment, claims)
            time.sleep(random.uniform(0, MAX_SOAK_PAUSE_SECONDS))
            worker = random.choice(_with_pools(workers))
            killed_at = time.monotonic()
            dead, orphaned = _kill(worker, kind, random)
            log.fault(f"kill {kind}", worker.name)
            hits += bool(claims.add(dead, killed_at))
            orphans += orphaned
            if kind is not KillKind.CHILD:
                worker.launch()
        _wait_for_captured(gateway, TRADES, claims)
        traffic.wait(RUN_SECONDS)
    traffic.assert_clean()
    assert len(traffic.accepted) == TRADES
    assert_all_is_well(deployment, history)
    assert hits, "no kill fell into a claim"
    wait_for("orphans end", lambda: not any(orphan.is_running() for orphan in orphans))
    figure(
        f"{KILLS} kills in {TRADES:,} trades, {hits} of them in claims, whose partitions went on "
        f"after {max(claims.seconds):.2f} s at most (lease {LEASE_SECONDS:g} s, then the "
        f"backlog of a fleet that starts anew), {deployment.database}"
    )


def _kill(
    worker: LocalWorker, kind: KillKind, random: Random
) -> tuple[list[int], list[psutil.Process]]:
    """Kill processes of a worker.

    Returns:
        The ids of the pool processes that died, and the pool processes that were orphaned.
    """
    children = _pool(worker)
    match kind:
        case KillKind.CHILD:
            child = random.choice(children)
            child.kill()
            return [child.pid], []
        case KillKind.MAIN:
            worker.process.kill()
            worker.process.wait()
            return [], children
        case KillKind.MACHINE:
            worker.kill()
            return [child.pid for child in children], []


def _with_pools(workers: list[LocalWorker]) -> list[LocalWorker]:
    """Wait until a worker has a pool; return the workers that have one.

    Without the wait no worker may have a pool: orphans capture trades while all workers restart.
    """
    started = list[LocalWorker]()

    def any_started() -> bool:
        started[:] = [worker for worker in workers if _pool(worker)]
        return bool(started)

    wait_for("a worker has a pool", any_started)
    return started


def _pool(worker: LocalWorker) -> list[psutil.Process]:
    """Return a worker's pool processes; it has none while it starts."""
    return psutil.Process(worker.process.pid).children()


def _wait_for_captured(gateway: Gateway, trades: int, claims: DeadClaims) -> None:
    def reached() -> bool:
        rows = gateway.ledger.partitions()
        claims.look({row.partition_key: row.fence for row in rows})
        return sum(row.last_sequence for row in rows) >= trades

    wait_for(f"{trades} trades are captured", reached, RUN_SECONDS)
