"""A fleet behind Sentinel goes on when its Redis master dies or is cut off."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import POSTGRESQL, SQLITE
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.sentinel_deployment import SentinelDeployment, freeze, thaw
from tests.support.deployment.traffic.mixed_load import (
    assert_clean,
    mixed_load,
    refusals,
    start_two_workers,
    wait_for_more,
)
from tests.support.faults.fault_injector import REPAIRED
from tests.support.faults.recovery import recoveries
from tests.support.faults.scenario import Scenario
from tests.support.faults.schedule import FaultKind
from tests.support.history.history import History
from tests.support.inbox.mutation import mutate
from tradecapture.doctor.finding import Level
from tradecapture.doctor.redis_server import check_redis

SOON_SECONDS = 1.0  # timeout of one answer, so that clients notice a silent server within it


@pytest.fixture(params=[SQLITE])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SentinelDeployment]:
    """A deployment behind sentinels; on SQLite, unless the test chooses a database."""
    with SentinelDeployment(tmp_path / "deployment", request.param) as deployment:
        deployment.settings = replace(deployment.settings, connect_seconds=SOON_SECONDS)
        yield deployment


@pytest.fixture
def scenario(deployment: SentinelDeployment, history: History) -> Scenario:
    """A scenario behind sentinels."""
    return Scenario(deployment, history)


@pytest.mark.parametrize("deployment", [POSTGRESQL], indirect=True)
def test_a_master_that_is_killed_loses_nothing_that_was_answered_202(
    deployment: SentinelDeployment, history: History, figure: Callable[[str], None]
) -> None:
    """No trade answered 202 after a replica's acknowledgement is lost when the master is killed.

    The fleet goes on without an operator.
    """
    deployment.settings = replace(deployment.settings, safe_replicas=1)
    workers = start_two_workers(deployment)
    log = history.log("killer")
    with mixed_load(deployment, history) as traffics:
        wait_for_more(deployment.gateway())
        killed_at = time.monotonic()
        deployment.redis_server.kill()
        log.fault(FaultKind.KILL_REDIS, "redis")
        log.fault(REPAIRED, "redis")  # it stays dead; the recovery times count from this event
        deployment.wait_for_failover()
        failover_seconds = time.monotonic() - killed_at
        wait_for_more(deployment.gateway())
    assert_clean(traffics)
    assert_all_is_well(deployment, history)
    assert refusals(history, over_http=True), "no request fell into the kill"
    assert all(worker.process.poll() is None for worker in workers)
    offset = time.time() - time.monotonic()
    captures = {
        trade_id: at.timestamp() - offset
        for trade_id, at in deployment.gateway().ledger.capture_times()
    }
    (recovery,) = recoveries(history.events(), captures)
    assert recovery.next_capture is not None
    assert recovery.caught_up is not None
    figure(
        f"Sentinel, master killed: another after {failover_seconds:.1f} s, next capture after "
        f"{recovery.next_capture:.1f} s, all accepted before after {recovery.caught_up:.1f} s"
    )


@pytest.mark.parametrize("safe_replicas", [0, 1])
def test_a_202_survives_the_master_only_where_a_replica_has_acknowledged_it(
    scenario: Scenario, deployment: SentinelDeployment, safe_replicas: int
) -> None:
    """If replication is broken, a master that dies loses trades that no replica acknowledged.

    With one safe replica such a trade is refused. Without one it is accepted and lost, and the
    check of the invariants finds it.
    """
    scenario.gateway = deployment.gateway(safe_replicas=safe_replicas)
    worker = scenario.start_worker("worker")
    scenario.begin()
    scenario.send("BEFORE", 1)
    deployment.cut_replication()
    accepted = scenario.try_to_send("LATE", 1)
    deployment.redis_server.kill()
    deployment.wait_for_failover()
    worker.go()
    scenario.until_nothing_waits()
    if safe_replicas:
        assert accepted == [False]
        assert scenario.problems() == []
    else:
        assert accepted == [True]
        assert any(problem.startswith("lost: LATE-1, accepted") for problem in scenario.problems())


@pytest.mark.parametrize("with_epoch", [True, False])
def test_places_that_the_old_master_gave_are_not_given_again(
    scenario: Scenario,
    deployment: SentinelDeployment,
    monkeypatch: pytest.MonkeyPatch,
    with_epoch: bool,
) -> None:
    """After a failover, new trades do not get positions that the old master has given.

    The ledger has captured trades that no replica knows. Without a new epoch their positions are
    given to other trades.
    """
    if not with_epoch:
        mutate(monkeypatch, "accept", "is_promoted = former_id and", "is_promoted = nil and")
    worker = scenario.start_worker("worker")
    scenario.begin()
    worker.go()
    scenario.send("BOOK", 1)
    wait_for("it is captured", lambda: scenario.captured("BOOK") == 1)
    deployment.cut_replication()
    scenario.send("BOOK", 2)
    wait_for("they are captured too", lambda: scenario.captured("BOOK") == 3)
    deployment.redis_server.kill()
    deployment.wait_for_failover()
    scenario.send("BOOK", 1)
    wait_for("the next one is captured", lambda: scenario.captured("BOOK") == 4)
    scenario.until_nothing_waits()
    problems = scenario.problems()
    if with_epoch:
        assert problems == []
    else:
        assert any(problem.startswith("reused: BOOK-4") for problem in problems), problems
        assert "1 inversions" in problems


def test_an_old_master_that_comes_back_accepts_nothing(
    scenario: Scenario, deployment: SentinelDeployment, figure: Callable[[str], None]
) -> None:
    """A master that was cut off accepts no trade when it returns, as no replica acknowledges it.

    Until it learns of the failover, it still considers itself the master.
    """
    old = deployment.redis_server
    cut_off = deployment.gateway(redis_url=old.url, broker_url=old.url, safe_replicas=1)
    findings = check_redis(replace(deployment.settings, safe_replicas=1))
    # The check finds the master, three sentinels and two replicas, and one setting that is missing.
    assert [finding.subject for finding in findings if finding.level is not Level.OK] == [
        "Redis min-replicas-to-write"
    ]
    worker = scenario.start_worker("worker")
    scenario.begin()
    freeze(old)
    deployment.wait_for_failover()
    scenario.send("NEW", 3)
    scenario.gateway, current = cut_off, scenario.gateway
    thaw(old)
    thawed_at, refused = time.monotonic(), 0
    while deployment.role(old) == "master":
        assert scenario.try_to_send("OLD", 1) == [False]
        refused += 1
    wait_for("it follows the new master", lambda: deployment.role(old) == "slave")
    figure(
        f"Sentinel, old master back: {refused} trades refused until it was a replica, "
        f"{time.monotonic() - thawed_at:.1f} s"
    )
    assert refused, "it was never asked"
    scenario.gateway = current
    worker.go()
    scenario.send("NEW", 3)
    scenario.until_nothing_waits()
    assert scenario.problems() == []
