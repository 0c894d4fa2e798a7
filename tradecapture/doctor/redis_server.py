"""Findings on a Redis server: whether it keeps what was accepted and fits this release."""

import re
import time
from collections.abc import Mapping
from typing import NamedTuple, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tradecapture.connections.redis_client import OLDEST_VERSION
from tradecapture.connections.urls import without_password
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.doctor.redis_failover import ask_failover, assess_failover, check_sentinels
from tradecapture.inbox import connect_inboxes
from tradecapture.inbox.lane_count import recorded_lane_counts
from tradecapture.settings import Settings

CLOCK_WARN_SECONDS = 1.0  # more would falsify shown ages and latencies; no promise depends on it
CONFIG_NAMES = ("appendonly", "appendfsync", "maxmemory-policy", "maxmemory")


class ServerFacts(NamedTuple):
    """What one Redis server reports about itself."""

    version: str
    config: Mapping[str, str] | None  # None: it does not let us read its configuration
    last_write_ok: bool
    clock_offset_seconds: float  # its clock minus ours


def check_redis(settings: Settings) -> list[Finding]:
    """Ask Redis, and change nothing; return a FAIL if it does not answer."""
    url = without_password(settings.redis_url)
    try:
        with connect_inboxes(settings) as redis:
            facts = ask_server(redis)
            recorded = recorded_lanes(redis, settings)
            failover = ask_failover(redis, settings)
    except RedisError as error:
        cure = "start it, or correct TRADECAPTURE_REDIS_URL; until then submissions get 503"
        unreachable = Finding(Level.FAIL, "Redis", f"{url} does not answer: {error}", cure)
        return [unreachable, *check_sentinels(settings)]
    return [
        Finding(Level.OK, "Redis", f"{url} answers"),
        *assess_server(facts),
        assess_lanes(recorded, settings.lanes),
        *assess_failover(failover, settings.safe_replicas),
    ]


def ask_server(redis: "Redis") -> ServerFacts:
    """Ask one server about itself.

    Raises:
        RedisError: it does not answer.
    """
    before = time.time()
    seconds, microseconds = redis.time()
    our_time = (before + time.time()) / 2
    info = redis.info()
    return ServerFacts(
        version=str(info["redis_version"]),
        config=_read_config(redis),
        last_write_ok=info.get("aof_last_write_status", "ok") == "ok",
        clock_offset_seconds=seconds + microseconds / 1_000_000 - our_time,
    )


def recorded_lanes(redis: "Redis", settings: Settings) -> int | None:
    """Return the lane count that Redis was first used with; None: it is not recorded.

    Raises:
        RedisError: Redis does not answer.
    """
    counts = recorded_lane_counts(redis, settings.lanes)
    # On a cluster the nodes may have recorded different counts: any of them shows the fault.
    return min((count for count in counts if count is not None), default=None)


def _read_config(redis: "Redis") -> Mapping[str, str] | None:
    config: dict[str, str] = {}
    try:
        for name in CONFIG_NAMES:  # one at a time: Redis 6.2 takes no more
            config |= cast(dict[str, str], redis.config_get(name))
    except ResponseError:
        return None
    return config


def assess_server(facts: ServerFacts) -> list[Finding]:
    """Assess what one server reports. Pure."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", facts.version)[:2])
    oldest = ".".join(map(str, OLDEST_VERSION))
    return [
        finding(
            "Redis version",
            f"{facts.version}, {oldest} or later is needed",
            Level.FAIL if numbers < OLDEST_VERSION else Level.OK,
            f"install Redis {oldest} or later",
        ),
        *_assess_config(facts.config),
        finding(
            "Redis last write",
            "to the append-only file succeeded" if facts.last_write_ok else "failed",
            Level.OK if facts.last_write_ok else Level.FAIL,
            "see the log of Redis; most often its disk is full",
        ),
        finding(
            "clock",
            f"Redis is {facts.clock_offset_seconds:+.3f} s from this host",
            Level.WARN if abs(facts.clock_offset_seconds) > CLOCK_WARN_SECONDS else Level.OK,
            "synchronise both hosts by NTP; order and leases do not depend on it, since they use "
            "the clock of Redis alone",
        ),
    ]


def _assess_config(config: Mapping[str, str] | None) -> list[Finding]:
    if config is None:
        cure = (
            "this Redis refuses CONFIG GET: make sure in its provider's console that appendonly "
            "is yes, appendfsync is always and maxmemory-policy is noeviction"
        )
        return [Finding(Level.WARN, "Redis configuration", "cannot be read", cure)]
    appendfsync = config.get("appendfsync", "unknown")
    limit, policy = config.get("maxmemory", "0"), config.get("maxmemory-policy", "unknown")
    return [
        finding(
            "Redis appendonly",
            config.get("appendonly", "unknown"),
            Level.OK if config.get("appendonly") == "yes" else Level.FAIL,
            "accepted trades are lost when Redis ends: set `appendonly yes`",
        ),
        finding(
            "Redis appendfsync",
            appendfsync,
            {"always": Level.OK, "everysec": Level.WARN}.get(appendfsync, Level.FAIL),
            "a power cut loses trades that were answered as safe: set `appendfsync always`, "
            "which costs next to nothing because submissions are pipelined",
        ),
        finding(
            "Redis maxmemory-policy",
            f"{policy} (maxmemory {limit})",
            Level.OK if policy == "noeviction" else Level.FAIL,
            "Redis may evict accepted trades when its memory is full: set "
            "`maxmemory-policy noeviction`; submissions then get 503 and nothing is lost",
        ),
    ]


def assess_lanes(recorded: int | None, lanes: int) -> Finding:
    """Compare this process's lane count with the one in Redis (None: not recorded yet). Pure."""
    if recorded is None:
        return Finding(Level.OK, "lanes", f"{lanes} set, none recorded: Redis was not used yet")
    return finding(
        "lanes",
        f"{lanes} set, {recorded} recorded at first use",
        Level.OK if recorded == lanes else Level.FAIL,
        f"set TRADECAPTURE_LANES={recorded} for every process",
    )
