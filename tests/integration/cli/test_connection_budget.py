"""The connection budget: what a fleet holds at most, and how many workers would fit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from tests.support.cli.shell import Run
from tradecapture.doctor.connection_budget import (
    CURES,
    FleetSize,
    assess_fleet,
    budget_of_database,
    budget_of_redis,
    budget_of_replica,
)
from tradecapture.doctor.finding import Level

sizes = st.builds(FleetSize, st.integers(0, 50), st.integers(0, 200), st.integers(1, 64))
LIMIT = 100


@given(sizes, st.integers(1, 20), st.integers(1, 5000))
def test_the_largest_fleet_fits_and_one_more_worker_does_not(
    size: FleetSize, pool_size: int, limit: int
) -> None:
    """`at most N workers fit` is exact for a fleet of any size."""
    for budget_of in (
        lambda size: budget_of_database(size, pool_size),
        lambda size: budget_of_replica(size, pool_size),
        budget_of_redis,
    ):
        most = budget_of(size).max_workers(limit, size)
        if budget_of(size._replace(workers=0)).required <= limit:
            assert budget_of(size._replace(workers=most)).required <= limit
        else:
            assert most == 0
        assert budget_of(size._replace(workers=most + 1)).required > limit


def test_workers_do_not_hold_a_pool_each() -> None:
    """A worker process captures in one thread, so that only the APIs use a larger pool."""
    small, large = (budget_of_database(FleetSize(0, 5, 4), pool) for pool in (2, 20))
    assert small.required == large.required
    assert budget_of_database(FleetSize(3, 0, 1), 20).fleet == 3 * 2 * 20


@pytest.mark.parametrize(("workers", "level"), [(10, Level.OK), (30, Level.WARN), (40, Level.FAIL)])
def test_a_fleet_is_assessed_by_the_share_that_it_takes(workers: int, level: Level) -> None:
    """A fleet that fits is OK, one that leaves little room is a WARN, and a larger one a FAIL."""
    size = FleetSize(0, workers, 1)
    finding = assess_fleet(budget_of_database(size, 2), LIMIT, size)
    assert finding.level is level
    assert finding.cure == ("" if level is Level.OK else CURES["database"])
    assert "at most 30 workers of 1 processes fit" in finding.message
    assert finding.message.endswith("fit")


def test_a_server_without_a_limit_is_ok() -> None:
    """Without a known limit, as for SQLite, the finding is OK."""
    size = FleetSize(1, 1, 1)
    finding = assess_fleet(budget_of_redis(size), None, size)
    assert (finding.level, finding.cure) == (Level.OK, "")
    assert "no limit is known" in finding.message


def test_doctor_works_a_fleet_out(run: Run, redis: "Redis") -> None:
    """`doctor` shows the connections of a fleet as a table and as JSON."""
    arguments = ("doctor", "--apis", "2", "--workers", "3", "--concurrency", "4")
    findings = {f["subject"]: f for f in json.loads(run(*arguments, "--json").stdout)}
    assert "connection budget" not in findings
    assert "no limit" in findings["connections to database"]["message"]
    budget = findings["connections to Redis"]
    limit = redis.config_get("maxclients")["maxclients"]
    assert f"of the server's {limit}; at most" in budget["message"]
    assert [line["number"] for line in budget["lines"]] == [2, 12, 3]
    shown = run(*arguments).stdout
    assert "Connections" in shown
    assert "workers' main processes" in shown
