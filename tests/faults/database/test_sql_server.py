"""No trade is lost when SQL Server reports errors while a fleet captures.

Workers and driver are real. A stand-in for SQL Server speaks TDS and runs the T-SQL on a
PostgreSQL; see `tests/support/tds`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well, success_rate
from tests.support.deployment.traffic.traffic import Traffic, of_gateway
from tests.support.deployment.workers import POSTPONED, RETRIED, count_in_logs
from tests.support.history.history import History
from tests.support.tds import TdsServer
from tests.support.tds.faults import Fault, Moment, RandomFaults, no_fault
from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import open_engine

pytestmark = [pytest.mark.timeout(240)]

FAULTS = 60
SHARE = 0.3  # of the transactions that get an error
STATEMENTS = 4  # of a capture
NUMBERS = (1205, 1222, 3960)  # deadlock victim, lock time-out, snapshot conflict
# `done`: the server has committed, and only its answer is lost.
KINDS = [
    *(Fault(moment, number) for number in NUMBERS for moment in (Moment.EXECUTE, Moment.COMMIT)),
    *(Fault(Moment.EXECUTE, reset=reset) for reset in (False, True)),
    *(Fault(Moment.COMMIT, done=done) for done in (False, True)),
]


@pytest.fixture
def stand_in(postgresql_deployment: Deployment) -> Iterator[TdsServer]:
    """A SQL Server stand-in on the deployment's PostgreSQL; the deployment's ledger from now on."""
    deployment = postgresql_deployment
    with TdsServer(deployment.settings.database_url) as server:
        master = make_url(server.url).set(drivername="mssql+pymssql")
        engine = create_engine(master, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE fleet"))
        engine.dispose()
        url = server.url_of("fleet")
        deployment.settings = replace(deployment.settings, database_url=url)
        with open_engine(deployment.settings) as (engine, _dialect):
            upgrade(engine)
        yield server


def test_errors_of_sql_server_under_load_cost_no_trade(
    postgresql_deployment: Deployment,
    stand_in: TdsServer,
    history: History,
    figure: Callable[[str], None],
) -> None:
    """Every trade is captured once despite deadlocks, time-outs, conflicts and lost connections."""
    deployment = postgresql_deployment
    workers = [deployment.start_worker(f"w{number}") for number in range(2)]
    for worker in workers:
        worker.wait_ready()
    plan = RandomFaults(7, SHARE, KINDS, STATEMENTS)
    stand_in.journal.clear()
    sender = of_gateway(deployment.gateway())
    with Traffic(history, sender, partitions=40, trades_a_call=10, trades_a_second=200) as traffic:
        stand_in.faults = plan
        wait_for(
            "many errors, of every kind",
            lambda: len(plan.injected) >= FAULTS and set(plan.injected) == set(KINDS),
        )
        stand_in.faults = no_fault
    traffic.assert_clean()
    assert not stand_in.journal.refusals
    assert_all_is_well(deployment, history)
    figure(
        f"{len(plan.injected)} errors of SQL Server in {len(traffic.accepted):,} trades of a "
        f"fleet: {count_in_logs(workers, RETRIED)} transactions tried again, "
        f"{count_in_logs(workers, POSTPONED)} claims postponed; "
        + success_rate(deployment.gateway(), history)
    )
