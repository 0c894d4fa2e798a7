"""`doctor` on a real Redis and a real ledger: faults are found, and nothing is changed."""

import json

from redis import Redis

from tests.cli.shell import NOWHERE, Run, table_row


def test_doctor_finds_a_redis_that_evicts(run: Run, redis: "Redis") -> None:
    """FAIL with a cure and exit code 1; the workers that are missing are only a warning."""
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
    """Exit code 0, and every finding has a line."""
    redis.config_set("appendfsync", "always")
    try:
        result = run("doctor")
    finally:
        redis.config_set("appendfsync", "no")
    assert result.exit_code == 0, result.stdout
    assert table_row(result.stdout, "WARN")[1] == "workers"


def test_doctor_changes_nothing(run: Run, redis: "Redis") -> None:
    """It does not even record a lane count."""
    run("doctor")
    assert not [key for key in redis.keys("tc:*") if key]


def test_doctor_examines_what_it_can_reach(run: Run) -> None:
    """A Redis out of reach is a finding, not the end."""
    result = run("doctor", "--json", REDIS_URL=NOWHERE)
    assert result.exit_code == 1
    levels = {finding["subject"]: finding["level"] for finding in json.loads(result.stdout)}
    assert (levels["Redis"], levels["broker"], levels["schema"]) == ("FAIL", "FAIL", "OK")
