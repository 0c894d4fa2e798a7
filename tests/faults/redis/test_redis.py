"""No accepted trade is lost when Redis is killed or out of reach under load."""

import re
import time
from collections.abc import Callable, Sequence
from random import Random

from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.mixed_load import (
    assert_clean,
    mixed_load,
    refusals,
    start_two_workers,
    wait_for_more,
)
from tests.support.faults.fault_injector import REPAIRED
from tests.support.faults.recovery import recoveries
from tests.support.faults.schedule import FaultKind
from tests.support.history.history import History
from tradecapture.local.servers.worker import LocalWorker
from workers.consumer import RECONNECT_INTERVAL_SECONDS

KILLS = 5
MAX_LIFE_SECONDS = 2.0  # the longest time that Redis runs before it is killed
MAX_DEATH_SECONDS = 1.0
UNREACHABLE_SECONDS = 10.0  # the proxy refuses for this time, then is a black hole as long
SOON_SECONDS = 1.0  # timeout of one answer, so that clients notice a black hole within it


def test_a_redis_that_is_killed_keeps_every_trade(
    deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """Redis keeps every accepted trade through repeated kills and restarts from its AOF."""
    start_two_workers(deployment)
    random, log = Random(7), history.log("killer")
    with mixed_load(deployment, history) as traffics:
        for _ in range(KILLS):
            time.sleep(random.uniform(0.5, MAX_LIFE_SECONDS))
            deployment.redis_server.kill()
            log.fault(FaultKind.KILL_REDIS, "redis")
            time.sleep(random.uniform(0, MAX_DEATH_SECONDS))
            deployment.redis_server.start()
            log.fault(REPAIRED, "redis")
        wait_for_more(deployment.gateway())
    assert_clean(traffics)
    assert_all_is_well(deployment, history)
    assert refusals(history, over_http=True), "no request fell into a kill"
    figure(f"{KILLS} Redis kills: {_recovered(deployment, history)}")


def test_a_redis_out_of_reach_refuses_and_loses_nothing(
    deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """While Redis is out of reach, trades are refused; afterwards each is captured once.

    Connections are refused for ten seconds and silent for ten more. Requests that the proxy holds
    back reach Redis late, after clients have sent them again.
    """
    proxy, gateway = deployment.proxy_redis(), deployment.gateway(connect_seconds=SOON_SECONDS)
    workers = start_two_workers(deployment, connect_seconds=SOON_SECONDS)
    log = history.log("operator")
    with mixed_load(deployment, history, connect_seconds=SOON_SECONDS) as traffics:
        wait_for_more(gateway)
        log.fault(FaultKind.FREEZE_REDIS, "redis")
        for break_it in (proxy.refuse, proxy.black_hole):
            break_it()
            before = [len(refusals(history, over_http=over_http)) for over_http in (True, False)]
            time.sleep(UNREACHABLE_SECONDS)
            after = [len(refusals(history, over_http=over_http)) for over_http in (True, False)]
            assert all(more > less for more, less in zip(after, before, strict=True))
        proxy.pass_on()
        log.fault(REPAIRED, "redis")
        wait_for_more(gateway)
    assert_clean(traffics)
    assert_all_is_well(deployment, history)
    _assert_looked_often(workers)
    figure(
        f"Redis out of reach for {2 * UNREACHABLE_SECONDS:g} s: {_recovered(deployment, history)}"
    )


def _assert_looked_often(workers: Sequence[LocalWorker]) -> None:
    """Check that the main processes live and tried to reconnect to Redis often enough."""
    for worker in workers:
        assert worker.process.poll() is None
        waits = re.findall(r"Trying again in ([\d.]+) second", worker.log.read_text())
        assert waits
        assert max(map(float, waits)) <= RECONNECT_INTERVAL_SECONDS


def _recovered(deployment: Deployment, history: History) -> str:
    """Return a sentence on the slowest recovery of the fleet."""
    # All processes run on one machine, so the difference of its two clocks is the same for all.
    offset = time.time() - time.monotonic()
    ledger = deployment.gateway().ledger
    captures = {trade_id: at.timestamp() - offset for trade_id, at in ledger.capture_times()}
    results = recoveries(history.events(), captures)
    first = [recovery.next_capture for recovery in results if recovery.next_capture is not None]
    whole = [recovery.caught_up for recovery in results if recovery.caught_up is not None]
    return (
        f"next capture {max(first):.2f} s after it was back at most, all accepted before "
        f"{max(whole):.2f} s, {deployment.database}"
    )
