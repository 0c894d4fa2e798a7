"""Findings: a right setting is OK, a wrong one is WARN or FAIL and has a cure."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.support.builders import NOW, NOW_MS, PARTITION
from tradecapture.doctor.connection_budget import assess_pools
from tradecapture.doctor.database import assess_database
from tradecapture.doctor.finding import Finding, Level
from tradecapture.doctor.partitions import assess_backlog, assess_gaps, assess_held, assess_newer
from tradecapture.doctor.redis_failover import FailoverFacts, assess_failover, assess_sentinels
from tradecapture.doctor.redis_server import ServerFacts, assess_lanes, assess_server
from tradecapture.doctor.versions import assess_kombu, check_versions
from tradecapture.doctor.workers import (
    assess_releases,
    assess_workers,
    newest_formats,
    workers_by_release,
)
from tradecapture.inbox import InboxPartition, LaneBacklog
from tradecapture.ledger.queries.operator_reader import SequenceGap
from tradecapture.settings import Settings
from tradecapture.trades.partition import PartitionKey
from tradecapture.version import FIRST_VERSION, VERSION

CONFIG = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "maxmemory": "0",
}
FACTS = ServerFacts("6.2.14", CONFIG, last_write_ok=True, clock_offset_seconds=0.01)


def bad(findings: list[Finding]) -> dict[str, Level]:
    """Return the findings that are not OK; these have a cure, and the others have none."""
    assert all(bool(finding.cure) == (finding.level is not Level.OK) for finding in findings)
    return {f.subject: f.level for f in findings if f.level is not Level.OK}


def test_a_right_redis_is_ok() -> None:
    """A Redis with right settings has no fault, whether it was used before or not."""
    assert bad(assess_server(FACTS)) == {}
    assert bad([assess_lanes(16, 16), assess_lanes(None, 16)]) == {}


NAMED: dict[str, str | RedisError] = dict.fromkeys(("h1:26379", "h2:26379", "h3:26379"), "h4:6379")
SILENT = {"h1:26379": RedisConnectionError("Timeout connecting to server")}
REFUSING = {"h1:26379": AuthenticationError("invalid username-password pair")}
PAIR = FailoverFacts("master", online_replicas=2, min_replicas=1, sentinels=NAMED)
ALONE = FailoverFacts("master", online_replicas=0, min_replicas=0, sentinels={})


@pytest.mark.parametrize(
    ("facts", "safe", "found"),
    [
        (ALONE, 0, {}),
        (PAIR, 1, {}),
        (PAIR._replace(min_replicas=None), 1, {}),
        (PAIR._replace(role="slave"), 1, {"Redis role": Level.FAIL}),
        (PAIR._replace(online_replicas=1), 1, {"Redis replicas": Level.WARN}),
        (PAIR._replace(online_replicas=0), 1, {"Redis replicas": Level.FAIL}),
        (PAIR, 0, {"Redis replicas": Level.WARN}),
        (PAIR._replace(min_replicas=0), 1, {"Redis min-replicas-to-write": Level.WARN}),
        (PAIR._replace(online_replicas=3), 2, {"Redis min-replicas-to-write": Level.WARN}),
        (ALONE._replace(min_replicas=1), 1, {"Redis replicas": Level.FAIL}),
        (PAIR._replace(sentinels=NAMED | SILENT), 1, {"Redis sentinels": Level.WARN}),
        (PAIR._replace(sentinels={**NAMED, "h1:26379": ""}), 1, {"Redis sentinels": Level.WARN}),
        (PAIR._replace(sentinels={**NAMED, "h1:26379": "x:1"}), 1, {"Redis sentinels": Level.WARN}),
        (PAIR._replace(sentinels={"h1:26379": "h4:6379"}), 1, {"Redis sentinels": Level.WARN}),
    ],
)
def test_replicas_and_sentinels_are_assessed(
    facts: FailoverFacts, safe: int, found: dict[str, Level]
) -> None:
    """Too few replicas, a wrong role and sentinels that disagree are found; one Redis is OK."""
    assert bad(assess_failover(facts, safe)) == found


def test_sentinels_that_refuse_the_login_are_told_from_silent_ones() -> None:
    """The cure of a refused login names the setting; without a named master it is a FAIL."""
    one = assess_sentinels(NAMED | REFUSING)
    assert (one.level, "TRADECAPTURE_SENTINEL_PASSWORD" in one.cure) == (Level.WARN, True)
    assert one.message == "3 named, 2 answer; h1:26379: invalid username-password pair"
    for answers, names_setting in ((REFUSING, True), (SILENT, False)):
        none = assess_sentinels(answers)
        assert none.level is Level.FAIL
        assert ("TRADECAPTURE_SENTINEL_PASSWORD" in none.cure) is names_setting


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (FACTS._replace(version="6.0.9"), {"Redis version": Level.FAIL}),
        (FACTS._replace(config=None), {"Redis configuration": Level.WARN}),
        (FACTS._replace(last_write_ok=False), {"Redis last write": Level.FAIL}),
        (FACTS._replace(clock_offset_seconds=-3.0), {"clock": Level.WARN}),
        (
            FACTS._replace(config={"appendonly": "no", "maxmemory-policy": "allkeys-lru"}),
            {
                "Redis appendonly": Level.FAIL,
                "Redis appendfsync": Level.FAIL,
                "Redis maxmemory-policy": Level.FAIL,
            },
        ),
        (
            FACTS._replace(config={**CONFIG, "appendfsync": "everysec"}),
            {"Redis appendfsync": Level.WARN},
        ),
    ],
)
def test_each_fault_of_redis_is_found(facts: ServerFacts, found: dict[str, Level]) -> None:
    """A wrong setting is a finding of its own subject, with a cure."""
    assert bad(assess_server(facts)) == found


def test_another_lane_count_is_found() -> None:
    """Redis was first used with another lane count than this process is set to."""
    assert bad([assess_lanes(8, 16)]) == {"lanes": Level.FAIL}


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (
            {
                "server_version": "18.0",
                "default_transaction_isolation": "read committed",
                "synchronous_commit": "on",
                "max_connections": "100",
            },
            {},
        ),
        ({"sqlite_version": "3.40.1", "journal_mode": "wal", "synchronous": "2"}, {}),
        ({"server_version": "16.0.1000", "read_committed_snapshot": "1"}, {}),
        ({"synchronous_commit": "off"}, {"database synchronous_commit": Level.FAIL}),
        ({"read_committed_snapshot": "0"}, {"database read_committed_snapshot": Level.WARN}),
        (
            {"default_transaction_isolation": "serializable"},
            {"database default_transaction_isolation": Level.WARN},
        ),
    ],
)
def test_databases_are_assessed(facts: Mapping[str, str], found: dict[str, Level]) -> None:
    """Right settings are OK, and each wrong setting is found."""
    assert bad(assess_database(facts)) == found


@pytest.mark.parametrize(
    ("limit", "processes", "level"),
    [(None, 50, Level.OK), ("100", 40, Level.OK), ("100", 41, Level.WARN), ("100", 51, Level.FAIL)],
)
def test_budget_is_processes_times_pool(limit: str | None, processes: int, level: Level) -> None:
    """Above the server's limit is a FAIL, above four fifths of it a WARN."""
    finding = assess_pools(limit, processes, 2)
    assert finding.level is level
    assert f"{processes} processes x 2 connections = {2 * processes}" in finding.message


@pytest.mark.parametrize(
    ("version", "level"),
    [("5.7.0", Level.OK), ("5.10.1", Level.OK), ("5.6.9", Level.FAIL), ("5.7rc1", Level.FAIL)],
)
def test_kombu_must_be_new_enough(version: str, level: Level) -> None:
    """A version before 5.7.0 is a FAIL."""
    assert assess_kombu(version).level is level


def test_what_is_installed_here_is_right() -> None:
    """The test suite itself runs with versions that `doctor` accepts."""
    assert bad(check_versions()) == {}


def test_processes_of_all_workers_are_counted() -> None:
    """The processes of all workers that reply are added up; if none replies, it is a WARN."""
    replies = {f"worker{n}@host": {"pool": {"max-concurrency": 4}} for n in (1, 2)}
    finding, processes = assess_workers(replies)
    assert (finding.level, processes) == (Level.OK, 8)
    assert assess_workers({})[0].level is Level.WARN


def test_workers_of_several_releases_are_found() -> None:
    """Workers of other releases are a WARN; a worker that names no release is of the first one."""
    this = {"tradecapture": {"release": VERSION, "inboxFormat": 7}}
    assert assess_releases(workers_by_release({})) == []
    assert bad(assess_releases(workers_by_release({"a": this, "b": this}))) == {}
    replies = {"a": this, "b": {}}
    (finding,) = assess_releases(workers_by_release(replies))
    assert finding.message == f"{VERSION}: a; {FIRST_VERSION}: b"
    assert bad([finding]) == {"worker releases": Level.WARN}
    assert newest_formats(replies) == {"a": 7, "b": 1}


def test_partitions_that_wait_for_a_newer_release_are_named() -> None:
    """The finding counts them and names the first."""
    assert bad([assess_newer([])]) == {}
    finding = assess_newer([PartitionKey("A_B_1")])
    assert bad([finding]) == {"newer entries": Level.WARN}
    assert finding.message == "1 partitions wait for workers of a newer release: A_B_1"


def test_held_partitions_are_named() -> None:
    """The finding counts them and names the first three."""
    assert bad([assess_held([])]) == {}
    finding = assess_held([PartitionKey(f"A_B_{number}") for number in (1, 2, 3, 4)])
    assert bad([finding]) == {"held partitions": Level.WARN}
    assert finding.message.startswith("4, ")
    assert finding.message.endswith("A_B_1, A_B_2, A_B_3, ...")


def test_a_sequence_gap_is_found_when_it_is_over_its_timeout() -> None:
    """A gap older than the timeout is a WARN, a younger gap is OK."""
    young = SequenceGap(PartitionKey("A_B_1"), 3, 5, 1, NOW - timedelta(seconds=299))
    old = SequenceGap(PartitionKey("A_B_2"), 3, 5, 1, NOW - timedelta(seconds=301))
    assert bad([assess_gaps([], NOW_MS, 300), assess_gaps([young], NOW_MS, 300)]) == {}
    finding = assess_gaps([old, young], NOW_MS, 300)
    assert bad([finding]) == {"sequence gaps": Level.WARN}
    assert finding.message == "2, 1 of them older than 300 s: A_B_2"


@pytest.mark.parametrize(
    ("lanes", "deepest", "level"),
    [
        ((0, 0), None, Level.OK),
        ((79, 79), None, Level.OK),
        ((80, 0), None, Level.WARN),
        ((100, 0), None, Level.FAIL),
        ((79, 79, 2), None, Level.WARN),
        ((79, 79, 42), None, Level.FAIL),
        ((45, 0), 39, Level.OK),
        ((45, 0), 40, Level.WARN),
        ((55, 0), 50, Level.FAIL),
    ],
)
def test_a_backlog_near_a_limit_is_found(
    lanes: tuple[int, ...], deepest: int | None, level: Level
) -> None:
    """Four fifths of a limit (of all lanes, one lane or a partition) are a WARN, all is a FAIL."""
    settings = Settings(limit_total=200, limit_lane=100, limit_partition=50)
    backlogs = [LaneBacklog(lane, waiting, 0) for lane, waiting in enumerate(lanes)]
    row = InboxPartition(PARTITION, 0, 1, 99, deepest or 0, None, None, 0, None)
    finding = assess_backlog(backlogs, [] if deepest is None else [row], settings)
    assert finding.level is level
    assert (PARTITION in finding.message) == (deepest is not None and level is not Level.OK)
