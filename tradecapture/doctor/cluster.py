"""Findings on a Redis Cluster: each node is what a lone Redis must be, and all slots are served."""

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
from tradecapture.doctor.redis import ask_redis, assess_lanes, assess_server
from tradecapture.inbox import Inbox
from tradecapture.inbox.keys import lane_keys
from tradecapture.settings import Settings

COVERAGE = "cluster-require-full-coverage"
START_IT = "start it; until then submissions to its lanes get 503, and the others go on"


class ClusterFacts(NamedTuple):
    """What a cluster says of itself."""

    state: str  # 'ok' or 'fail'
    slots_served: int
    lanes_of: Mapping[str, int]  # how many each master has, by host and port
    replicas_of: Mapping[str, int]  # how many follow it
    full_coverage: str | None  # cluster-require-full-coverage; None: not told


def check_cluster(settings: Settings) -> list[Finding]:
    """Ask each node, and judge the answers; a FAIL for each that does not answer."""
    url = without_password(settings.redis_url)
    try:
        with ClusterRedis(settings.redis_url, settings.connect_seconds) as redis:
            nodes = redis.nodes()
            recorded = {count for count in Inbox(redis, settings).recorded_lanes() if count}
            findings = assess_cluster(_ask(redis, settings.lanes))
            findings.append(assess_lanes(min(recorded, default=None), settings.lanes))
            return findings + [found for name in nodes for found in _examine(name, nodes[name])]
    except RedisError as error:
        cure = "start its nodes, or correct TRADECAPTURE_REDIS_URL; until then submissions get 503"
        return [Finding(Level.FAIL, "Redis Cluster", f"{url} does not answer: {error}", cure)]


def assess_cluster(facts: ClusterFacts) -> list[Finding]:
    """Judge what a cluster says of itself. Pure."""
    whole = facts.state == "ok" and facts.slots_served == REDIS_CLUSTER_HASH_SLOTS
    alone = [name for name in facts.lanes_of if not facts.replicas_of.get(name)]
    spread = ", ".join(f"{facts.lanes_of[name]} on {name}" for name in sorted(facts.lanes_of))
    return [
        finding(
            "Redis Cluster",
            f"state {facts.state}, {facts.slots_served} of {REDIS_CLUSTER_HASH_SLOTS} slots "
            f"are served; lanes: {spread}",
            None if whole else Level.FAIL,
            "see `redis-cli --cluster check` of any node",
        ),
        finding(
            "Redis Cluster coverage",
            f"{COVERAGE} {facts.full_coverage or 'cannot be read'}",
            None if facts.full_coverage == "no" else Level.WARN,
            "one node that is away stops all lanes: set `cluster-require-full-coverage no`",
        ),
        finding(
            "Redis Cluster replicas",
            f"{', '.join(alone)} without a replica" if alone else "each master has one",
            Level.WARN if alone else None,
            "the lanes of a master without a replica stand still while it is away: add one, and "
            "set TRADECAPTURE_SAFE_REPLICAS=1 so that it has each trade that was accepted",
        ),
    ]


def _examine(name: str, node: "Redis") -> list[Finding]:
    """Return one finding of a node that is right; of another, what is wrong with it."""
    try:
        found = assess_server(ask_redis(node))
    except RedisError as error:
        return [Finding(Level.FAIL, f"node {name}", f"does not answer: {error}", START_IT)]
    bad = [
        structs.replace(finding, subject=f"node {name}: {finding.subject}")
        for finding in found
        if finding.level is not Level.OK
    ]
    return bad or [Finding(Level.OK, f"node {name}", "answers, and keeps what it is given")]


def _ask(redis: ClusterRedis, lanes: int) -> ClusterFacts:
    lanes_of: dict[str, int] = defaultdict(int)
    for lane in range(lanes):
        lanes_of[redis.node_of(lane_keys(lane).due)] += 1
    info, replicas_of, coverage = _ask_a_node(redis)
    return ClusterFacts(
        state=info["cluster_state"],
        slots_served=int(info["cluster_slots_ok"]),
        lanes_of=lanes_of,
        replicas_of=replicas_of,
        full_coverage=coverage,
    )


def _ask_a_node(redis: ClusterRedis) -> tuple[dict[str, str], dict[str, int], str | None]:
    """Return the state, each master's replicas and the coverage setting, as one node sees them."""
    *others, last = redis.nodes().values()
    for node in (*others, last):
        try:
            info = cast(dict[str, str], node.execute_command("CLUSTER INFO"))
            known = cast(dict[str, Any], node.execute_command("CLUSTER NODES"))
        except RedisError:
            if node is last:
                raise
            continue
        names = {about["node_id"]: name for name, about in known.items()}
        replicas_of: dict[str, int] = defaultdict(int)
        for about in known.values():
            if about["master_id"] in names and "fail" not in about["flags"]:
                replicas_of[names[about["master_id"]]] += 1
        return info, replicas_of, read_config(node, COVERAGE)
    raise AssertionError("a cluster has a node")
