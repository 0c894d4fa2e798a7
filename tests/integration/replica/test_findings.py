"""What `doctor` finds about a replica: a real standby that is current, lags, or is down."""

from dataclasses import replace

import psycopg
import pytest

from tests.support.builders import submission
from tests.support.capture.worker import Worker
from tests.support.servers.standby import Standby
from tradecapture.doctor.finding import Finding, Level
from tradecapture.doctor.read_replica import (
    LAG_WARN_BYTES,
    ReplicationFacts,
    assess_replica,
    check_replica,
)
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.settings import Settings

LEDGER = ReplicationFacts({"read_only": "no", "system": "7", "place": "5000"}, "0003")
STANDBY = ReplicationFacts({"read_only": "yes", "system": "7", "place": "5000"}, "0003")


def levels_of(findings: list[Finding]) -> dict[str, Level]:
    """Return the levels by subject; each that is not OK must have a cure."""
    assert all(bool(finding.cure) == (finding.level is not Level.OK) for finding in findings)
    return {finding.subject: finding.level for finding in findings}


def test_a_standby_is_a_right_replica(replicated: Settings) -> None:
    """A standby answers, only reads, follows this ledger, has its tables, and does not lag."""
    assert levels_of(check_replica(replicated)) == dict.fromkeys(
        ("replica", "replica writes", "replica origin", "replica schema", "replica lag"), Level.OK
    )
    assert check_replica(replace(replicated, replica_url="")) == []


def test_a_user_that_only_reads_may_ask(replicated: Settings, standby: Standby) -> None:
    """The user of docs/security.md has every right that status, search and `doctor` need."""
    with psycopg.connect(replicated.database_url.replace("+psycopg", "")) as connection:
        connection.execute("DROP ROLE IF EXISTS desk_reader")
        connection.execute("CREATE ROLE desk_reader LOGIN IN ROLE pg_read_all_data")
    standby.catch_up()
    reading = replicated.replica_url.replace("postgres@", "desk_reader@")
    assert reading != replicated.replica_url
    assert set(levels_of(check_replica(replace(replicated, replica_url=reading))).values()) == {
        Level.OK
    }


def test_how_far_it_is_behind_is_shown(
    replicated: Settings, standby: Standby, worker: Worker
) -> None:
    """The lag is shown in bytes while the standby does not apply what it was sent."""
    standby.hold_back()
    worker.accept(submission())
    worker.drain()
    lag = check_replica(replicated)[-1]
    assert lag.subject == "replica lag"
    assert int(lag.message.split()[0].replace(",", "")) > 0
    standby.go_on()
    assert check_replica(replicated)[-1].message.startswith("0 bytes, 0.0 s")


def test_the_ledger_itself_is_no_replica(replicated: Settings) -> None:
    """The ledger itself, named as its replica, is a WARN because it takes writes."""
    itself = replace(replicated, replica_url=replicated.database_url)
    assert levels_of(check_replica(itself))["replica writes"] is Level.WARN


def test_another_server_is_found_out(
    replicated: Settings, postgresql_server: PostgresqlServer
) -> None:
    """A server of another ledger is a FAIL."""
    other = replace(replicated, replica_url=postgresql_server.url)
    levels = levels_of(check_replica(other))
    assert levels["replica origin"] is Level.FAIL
    assert levels["replica schema"] is Level.WARN


def test_a_replica_that_is_away_is_a_warning(replicated: Settings, standby: Standby) -> None:
    """A replica that is down is only a WARN, because reads then go to the ledger."""
    standby.kill()
    try:
        assert levels_of(check_replica(replicated)) == {"replica": Level.WARN}
    finally:
        standby.start()


@pytest.mark.parametrize(
    ("replica", "levels"),
    [
        (STANDBY, {}),
        (STANDBY._replace(revision="0002"), {"replica schema": Level.WARN}),
        (
            STANDBY._replace(facts={**STANDBY.facts, "place": "4000", "age_seconds": "11"}),
            {"replica lag": Level.WARN},
        ),
        (STANDBY._replace(facts={**STANDBY.facts, "place": "4000", "age_seconds": "9"}), {}),
        (STANDBY._replace(facts={**STANDBY.facts, "age_seconds": "9000"}), {}),
        (
            STANDBY._replace(facts={**STANDBY.facts, "place": str(5000 - LAG_WARN_BYTES - 1)}),
            {"replica lag": Level.WARN},
        ),
        (STANDBY._replace(facts={}), {}),
    ],
)
def test_a_replica_is_assessed(replica: ReplicationFacts, levels: dict[str, Level]) -> None:
    """A replica is assessed by its tables and its lag; an idle ledger's old trade is no lag."""
    assessed = levels_of(assess_replica(LEDGER, replica))
    assert {
        subject: level for subject, level in assessed.items() if level is not Level.OK
    } == levels
