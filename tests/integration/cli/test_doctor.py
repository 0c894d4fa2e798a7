"""`doctor` on a real Redis and a real ledger: faults are found, and nothing is changed."""

import json

from redis import Redis

from tests.support.builders import partition_of, submission, submissions
from tests.support.cli.shell import NOWHERE, Capture, Run, table_row
from tradecapture.inbox import Inbox
from tradecapture.local.servers.server import wait_until

TIMEOUT_SECONDS = 60.0


def test_doctor_finds_a_redis_that_evicts(run: Run, redis: "Redis") -> None:
    """Eviction is a FAIL with a cure and exit code 1; missing workers are only a WARN."""
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        result = run("doctor", "--json", "--processes", "3")
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
    assert result.exit_code == 1
    findings = {finding["subject"]: finding for finding in json.loads(result.stdout)}
    assert findings["Redis maxmemory-policy"]["level"] == "FAIL"
    assert "noeviction" in findings["Redis maxmemory-policy"]["cure"]
    assert findings["Redis appendonly"]["level"] == "OK"
    assert findings["workers"]["level"] == "WARN"
    assert findings["schema"]["level"] == "OK"
    assert "3 processes" in findings["connection budget"]["message"]


def test_doctor_passes_a_right_set_up(run: Run, redis: "Redis") -> None:
    """The exit code is 0; only the missing workers are a WARN."""
    redis.config_set("appendfsync", "always")
    try:
        result = run("doctor")
    finally:
        redis.config_set("appendfsync", "no")
    assert result.exit_code == 0, result.stdout
    assert table_row(result.stdout, "WARN")[1] == "workers"


def test_doctor_changes_nothing(run: Run, redis: "Redis") -> None:
    """After `doctor` no key is in Redis, not even the lane count."""
    run("doctor")
    assert not [key for key in redis.keys("tc:*") if key]


def test_doctor_examines_what_it_can_reach(run: Run) -> None:
    """A Redis that does not answer is a finding, and the other servers are still checked."""
    result = run("doctor", "--json", REDIS_URL=NOWHERE)
    assert result.exit_code == 1
    levels = {finding["subject"]: finding["level"] for finding in json.loads(result.stdout)}
    assert (levels["Redis"], levels["broker"], levels["schema"]) == ("FAIL", "FAIL", "OK")


def test_doctor_finds_what_waits_for_an_operator(run: Run, inbox: Inbox, capture: Capture) -> None:
    """A held partition, an old gap in upstream's numbers and a full partition are found."""
    numbered = [submission(f"T-{n}", "B1", sequenceNumber=n) for n in (1, 3)]
    inbox.accept([*numbered, *submissions(2, "B2")])
    run("partitions", "pause", partition_of("B2"), "--why", "a look")
    capture()

    def levels() -> dict[str, str]:
        limits = {"LIMIT_PARTITION": "2", "SEQUENCE_TIMEOUT_SECONDS": "1"}
        findings = json.loads(run("doctor", "--json", **limits).stdout)
        return {finding["subject"]: finding["level"] for finding in findings}

    assert wait_until(lambda: levels()["sequence gaps"] == "WARN", TIMEOUT_SECONDS)
    found = levels()
    assert (found["held partitions"], found["backlog"]) == ("WARN", "FAIL")
