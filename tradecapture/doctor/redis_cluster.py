"""Findings on a Redis Cluster: whether all slots are served and each node keeps its trades."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from msgspec import structs
from redis import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.exceptions import RedisError

from tradecapture.connections.cluster.client import ClusterRedis
from tradecapture.connections.redis_client import read_config
from tradecapture.connections.urls import without_password
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.doctor.redis_server import (
    ask_server,
    assess_lanes,
    assess_server,
    recorded_lanes,
)
from tradecapture.inbox.keys import lane_keys
from tradecapture.settings import Settings

FULL_COVERAGE = "cluster-require-full-coverage"


class ClusterFacts(NamedTuple):
    """What a cluster reports about itself."""

    state: str  # 'ok' or 'fail'
    slots_served: int
    lanes_of: Mapping[str, int]  # how many lanes each master has, by host and port
    replicas_of: Mapping[str, int]  # how many replicas each master has, by host and port
    full_coverage: str | None  # cluster-require-full-coverage; None: it cannot be read


def check_cluster(settings: Settings) -> list[Finding]:
    """Ask the cluster and each node; return a FAIL for each that does not answer."""
    url = without_password(settings.redis_url)
    try:
        with ClusterRedis(settings.redis_url, settings.connect_seconds) as redis:
            return [
                *assess_cluster(ask_cluster(redis, settings.lanes)),
                assess_lanes(recorded_lanes(redis, settings), settings.lanes),
                *(
                    finding
                    for name, node in redis.nodes().items()
                    for finding in _check_node(name, node)
                ),
            ]
    except RedisError as error:
        cure = "start its nodes, or correct TRADECAPTURE_REDIS_URL; until then submissions get 503"
        return [Finding(Level.FAIL, "Redis Cluster", f"{url} does not answer: {error}", cure)]


def ask_cluster(redis: ClusterRedis, lanes: int) -> ClusterFacts:
    """Ask a cluster about itself.

    Raises:
        RedisError: no node answers.
    """
    lanes_of: dict[str, int] = defaultdict(int)
    for lane in range(lanes):
        lanes_of[redis.node_of(lane_keys(lane).due)] += 1
    *first_nodes, last_node = redis.nodes().values()
    for node in first_nodes:
        try:
            return _ask_node(node, lanes_of)
        except RedisError:
            continue  # any other node knows the same
    return _ask_node(last_node, lanes_of)


def _ask_node(node: "Redis", lanes_of: Mapping[str, int]) -> ClusterFacts:
    """Return what one node knows about the cluster."""
    info = cast(dict[str, str], node.execute_command("CLUSTER INFO"))
    members = cast(dict[str, Any], node.execute_command("CLUSTER NODES"))
    names = {member["node_id"]: name for name, member in members.items()}
    replicas_of: dict[str, int] = defaultdict(int)
    for member in members.values():
        if member["master_id"] in names and "fail" not in member["flags"]:
            replicas_of[names[member["master_id"]]] += 1
    return ClusterFacts(
        state=info["cluster_state"],
        slots_served=int(info["cluster_slots_ok"]),
        lanes_of=lanes_of,
        replicas_of=replicas_of,
        full_coverage=read_config(node, FULL_COVERAGE),
    )


def assess_cluster(facts: ClusterFacts) -> list[Finding]:
    """Assess what a cluster reports about itself. Pure."""
    is_whole = facts.state == "ok" and facts.slots_served == REDIS_CLUSTER_HASH_SLOTS
    unreplicated = [name for name in facts.lanes_of if not facts.replicas_of.get(name)]
    lanes = ", ".join(f"{facts.lanes_of[name]} on {name}" for name in sorted(facts.lanes_of))
    return [
        finding(
            "Redis Cluster",
            f"state {facts.state}, {facts.slots_served} of {REDIS_CLUSTER_HASH_SLOTS} slots "
            f"are served; lanes: {lanes}",
            Level.OK if is_whole else Level.FAIL,
            "see `redis-cli --cluster check` of any node",
        ),
        finding(
            "Redis Cluster coverage",
            f"{FULL_COVERAGE} {facts.full_coverage or 'cannot be read'}",
            Level.OK if facts.full_coverage == "no" else Level.WARN,
            f"one node that is down stops all lanes: set `{FULL_COVERAGE} no`",
        ),
        finding(
            "Redis Cluster replicas",
            f"{', '.join(unreplicated)} without a replica"
            if unreplicated
            else "each master has one",
            Level.WARN if unreplicated else Level.OK,
            "the lanes of a master without a replica stop while it is down: add one, and set "
            "TRADECAPTURE_SAFE_REPLICAS=1 so that it has each trade that was accepted",
        ),
    ]


def _check_node(name: str, node: "Redis") -> list[Finding]:
    """Return the faults of a node; if it has none, one finding that says so."""
    try:
        findings = assess_server(ask_server(node))
    except RedisError as error:
        cure = "start it; until then submissions to its lanes get 503, and the other lanes go on"
        return [Finding(Level.FAIL, f"node {name}", f"does not answer: {error}", cure)]
    faults = [
        structs.replace(fault, subject=f"node {name}: {fault.subject}")
        for fault in findings
        if fault.level is not Level.OK
    ]
    return faults or [Finding(Level.OK, f"node {name}", "answers, and keeps every trade on disk")]
