"""Every trade is captured although captures often deadlock in the database."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, create_engine

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well, success_rate
from tests.support.deployment.traffic.traffic import Traffic, of_gateway
from tests.support.deployment.workers import POSTPONED, RETRIED, count_in_logs
from tests.support.faults.deadlocks import (
    OURS,
    deadlocks,
    forged_claims,
    hostile_transactions,
    with_deadlock_timeout,
)
from tests.support.history.history import History
from tradecapture.local.servers.worker import LocalWorker

pytestmark = [pytest.mark.timeout(240)]

DEADLOCKS = 12
PATIENCE_SECONDS = 150.0  # for all of them; on a busy machine fewer transactions overlap
LANES = 2  # few, so that a claim has many partitions; more rows make more deadlocks


@pytest.fixture
def engine(postgresql_deployment: Deployment) -> Iterator[Engine]:
    """Connections of the test itself to the deployment's database."""
    engine = create_engine(postgresql_deployment.settings.database_url)
    yield engine
    engine.dispose()


def test_deadlocks_with_a_hostile_transaction_cost_no_trade(
    postgresql_deployment: Deployment,
    engine: Engine,
    history: History,
    figure: Callable[[str], None],
) -> None:
    """Captures that deadlock with another program's transaction lose no trade.

    That transaction locks the rows in the opposite order, and PostgreSQL rolls the captures back.
    """
    deployment = postgresql_deployment
    url = deployment.settings.database_url
    workers = _start_workers(deployment, "workers")
    with _traffic(deployment, history) as traffic, hostile_transactions(url):
        wait_for("many deadlocks", lambda: deadlocks(engine) >= DEADLOCKS, PATIENCE_SECONDS)
    _assert_all_went_in(deployment, history, traffic, workers)
    figure("deadlocks with a hostile transaction: " + _figure(engine, deployment, history, workers))


def test_deadlocks_between_overlapping_claims_cost_no_trade(
    postgresql_deployment: Deployment,
    engine: Engine,
    history: History,
    figure: Callable[[str], None],
) -> None:
    """Captures that deadlock with each other lose no trade.

    The workers lock rows in random order. The test keeps deleting their leases, so that claims
    overlap.
    """
    deployment = postgresql_deployment
    workers = _start_workers(deployment, "tests.support.faults.programs.shuffling_worker")
    gateway = deployment.gateway()
    with _traffic(deployment, history) as traffic, forged_claims(gateway):
        wait_for("many deadlocks", lambda: deadlocks(engine) >= DEADLOCKS, PATIENCE_SECONDS)
    _assert_all_went_in(deployment, history, traffic, workers)
    figure("deadlocks between overlapping claims: " + _figure(engine, deployment, history, workers))


def _start_workers(deployment: Deployment, app: str) -> list[LocalWorker]:
    url = with_deadlock_timeout(deployment.settings.database_url, OURS)
    deployment.settings = replace(deployment.settings, lanes=LANES, database_url=url)
    workers = [deployment.start_worker(f"w{number}", app=app) for number in range(2)]
    for worker in workers:
        worker.wait_ready()
    return workers


def _traffic(deployment: Deployment, history: History) -> Traffic:
    sender = of_gateway(deployment.gateway())
    return Traffic(history, sender, partitions=40, trades_a_call=10, trades_a_second=200)


def _assert_all_went_in(
    deployment: Deployment, history: History, traffic: Traffic, workers: list[LocalWorker]
) -> None:
    """Check that every trade is captured, and that deadlocked captures were retried as a whole.

    Workers must not have taken a deadlock for a poisoned trade.
    """
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    assert count_in_logs(workers, RETRIED) + count_in_logs(workers, POSTPONED) >= DEADLOCKS


def _figure(
    engine: Engine, deployment: Deployment, history: History, workers: list[LocalWorker]
) -> str:
    time.sleep(1)  # the server updates its counts with a delay of up to a second
    return (
        f"{deadlocks(engine)} in {len(history.accepted()):,} trades, "
        f"{count_in_logs(workers, RETRIED)} transactions tried again, "
        f"{count_in_logs(workers, POSTPONED)} claims postponed; "
        + success_rate(deployment.gateway(), history)
    )
