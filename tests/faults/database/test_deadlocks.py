"""Captures that deadlock in the database, for real and often: every trade goes in all the same."""

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
PATIENCE_SECONDS = 150.0  # for so many; transactions of a busy machine meet less often
LANES = 2  # few, so that a claim has many partitions: the more rows, the more deadlocks


@pytest.fixture
def engine(postgresql_deployment: Deployment) -> Iterator[Engine]:
    """Connections of somebody else to the same database."""
    engine = create_engine(postgresql_deployment.settings.database_url)
    yield engine
    engine.dispose()


def test_deadlocks_with_a_hostile_transaction_cost_no_trade(
    postgresql_deployment: Deployment,
    engine: Engine,
    history: History,
    figure: Callable[[str], None],
) -> None:
    """It locks the rows the other way round, and PostgreSQL makes the captures give up."""
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
    """Workers that lock in any order, with claims whose leases are taken away all the time."""
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
    """Every trade is captured, and every victim was tried again whole, not taken for poisoned."""
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    assert count_in_logs(workers, RETRIED) + count_in_logs(workers, POSTPONED) >= DEADLOCKS


def _figure(
    engine: Engine, deployment: Deployment, history: History, workers: list[LocalWorker]
) -> str:
    time.sleep(1)  # the server's counts are a second late
    return (
        f"{deadlocks(engine)} in {len(history.accepted()):,} trades, "
        f"{count_in_logs(workers, RETRIED)} transactions tried again, "
        f"{count_in_logs(workers, POSTPONED)} claims postponed; "
        + success_rate(deployment.gateway(), history)
    )
