"""The command line on a Redis Cluster: each node is checked, and operators see all lanes."""

import json
import os
import signal
from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import partition_of, submission
from tests.support.cli.shell import Run
from tests.support.servers.redis.cluster_servers import ClusterServers
from tests.support.servers.settings import CONNECT_SECONDS
from tradecapture.connections.urls import without_password
from tradecapture.doctor.finding import Level
from tradecapture.doctor.redis_cluster import ClusterFacts, assess_cluster
from tradecapture.inbox import Inbox, connect_redis
from tradecapture.settings import Settings

LANES = "16"
ONE, TWO = "10.0.0.1:7000", "10.0.0.2:7000"
FACTS = ClusterFacts("ok", 16384, {ONE: 8, TWO: 8}, {ONE: 1, TWO: 1}, "no")


@pytest.fixture
def url(cluster_servers: ClusterServers) -> str:
    """The URL of an empty cluster."""
    with connect_redis(cluster_servers.url, CONNECT_SECONDS) as redis:
        redis.flushall()
    return cluster_servers.url


def _findings(run: Run, url: str, broker: str) -> dict[str, dict[str, Any]]:
    result = run("doctor", "--json", REDIS_URL=url, BROKER_URL=broker, LANES=LANES)
    return {finding["subject"]: finding for finding in json.loads(result.stdout)}


def test_doctor_examines_each_node(
    run: Run, settings: Settings, cluster_servers: ClusterServers, url: str
) -> None:
    """Each node's configuration and lanes are checked, and a fault names its node."""
    node, other, _ = cluster_servers.masters
    with node.redis() as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
    with other.redis() as redis:
        redis.config_set("appendfsync", "always")
    try:
        found = _findings(run, url, settings.redis_url)
    finally:
        with node.redis() as redis:
            redis.config_set("maxmemory-policy", "noeviction")
        with other.redis() as redis:
            redis.config_set("appendfsync", "everysec")
    assert found["Redis Cluster"]["level"] == "OK"
    assert f"6 on {node.name}" in found["Redis Cluster"]["message"]
    assert found["Redis Cluster coverage"]["level"] == "OK"
    assert found["Redis Cluster replicas"]["level"] == "WARN"
    assert found[f"node {node.name}: Redis maxmemory-policy"]["level"] == "FAIL"
    assert found[f"node {node.name}: Redis appendfsync"]["level"] == "WARN"
    assert found[f"node {other.name}"]["level"] == "OK"
    assert found["lanes"]["message"] == "16 set, none recorded: Redis was not used yet"


def test_doctor_names_a_node_that_does_not_answer(
    run: Run, settings: Settings, cluster_servers: ClusterServers, url: str
) -> None:
    """A node that does not answer is a FAIL, and the other nodes are checked."""
    away = cluster_servers.masters[0]
    os.kill(away.process.pid, signal.SIGSTOP)
    try:
        found = _findings(run, url, settings.redis_url)
    finally:
        os.kill(away.process.pid, signal.SIGCONT)
        cluster_servers.wait_until_whole()
    assert found[f"node {away.name}"]["level"] == "FAIL"
    assert found[f"node {cluster_servers.masters[1].name}: Redis appendfsync"]["level"] == "WARN"


def test_operators_see_the_partitions_of_all_nodes(
    run: Run, deployment: Settings, url: str
) -> None:
    """One partition is paused, the partitions of all lanes are listed, and all trades add up."""
    settings = replace(deployment, redis_url=url, lanes=int(LANES))
    with connect_redis(url, CONNECT_SECONDS) as redis:
        Inbox(redis, settings).accept([submission(f"T-{n}", f"B{n}") for n in range(40)])
    there = {"REDIS_URL": url, "BROKER_URL": deployment.redis_url, "LANES": LANES}
    assert run("partitions", "pause", partition_of("B7"), "--why", "a look", **there).exit_code == 0
    listed = json.loads(run("partitions", "--json", **there).stdout)
    assert {row["partitionKey"] for row in listed} == {partition_of(f"B{n}") for n in range(40)}
    reconciled = run("reconcile", **there)
    assert reconciled.exit_code == 0, reconciled.output


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (FACTS, {}),
        (FACTS._replace(state="fail"), {"Redis Cluster": Level.FAIL}),
        (FACTS._replace(slots_served=16383), {"Redis Cluster": Level.FAIL}),
        (FACTS._replace(full_coverage="yes"), {"Redis Cluster coverage": Level.WARN}),
        (FACTS._replace(full_coverage=None), {"Redis Cluster coverage": Level.WARN}),
        (FACTS._replace(replicas_of={ONE: 2}), {"Redis Cluster replicas": Level.WARN}),
    ],
)
def test_each_fault_of_a_cluster_is_found(facts: ClusterFacts, found: dict[str, Level]) -> None:
    """Each fault of a cluster is a finding of its own subject, with a cure."""
    bad = [finding for finding in assess_cluster(facts) if finding.level is not Level.OK]
    assert {finding.subject: finding.level for finding in bad} == found
    assert all(finding.cure for finding in bad)


def test_a_clusters_password_is_shown_nowhere() -> None:
    """The password is hidden for every node that the URL names."""
    url = "redis+cluster://u:se@cret@one:7000;redis+cluster://u:se@cret@two:7000"
    assert "cret" not in without_password(url)
