"""Findings on Redis: does it keep what was accepted, and does it agree with this process."""

import re
import time
from collections.abc import Collection, Mapping
from typing import NamedTuple, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tradecapture.connections.redis_client import OLDEST_VERSION
from tradecapture.connections.urls import without_password
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.doctor.sentinel import ask_replicas, assess_replicas, check_sentinels
from tradecapture.inbox import Inbox, connect_inboxes
from tradecapture.settings import Settings

CLOCK_WARN_SECONDS = 1.0  # more would falsify shown ages and latencies; no promise depends on it
CONFIG_NAMES = ("appendonly", "appendfsync", "maxmemory-policy", "maxmemory")


class RedisFacts(NamedTuple):
    """What Redis says of itself."""

    version: str
    config: Mapping[str, str] | None  # None: it does not let us read its configuration
    last_write_ok: bool
    lanes: int | None  # recorded at first use
    clock_seconds: float  # its time minus ours


def check_redis(settings: Settings) -> list[Finding]:
    """Ask Redis, and judge the answers; one FAIL where it does not answer. Changes nothing."""
    url = without_password(settings.redis_url)
    try:
        with connect_inboxes(settings) as redis:
            facts = ask_redis(redis, Inbox(redis, settings).recorded_lanes())
            replicas = ask_replicas(redis, settings)
    except RedisError as error:
        cure = "start it, or correct TRADECAPTURE_REDIS_URL; until then submissions get 503"
        failed = Finding(Level.FAIL, "Redis", f"{url} does not answer: {error}", cure)
        return [failed, *check_sentinels(settings)]
    return [
        Finding(Level.OK, "Redis", f"{url} answers"),
        *assess_redis(facts, settings.lanes),
        *assess_replicas(replicas, settings.safe_replicas),
    ]


def assess_redis(facts: RedisFacts, lanes: int) -> list[Finding]:
    """Judge what Redis says of itself. Pure."""
    return [*assess_server(facts), assess_lanes(facts.lanes, lanes)]


def assess_server(facts: RedisFacts) -> list[Finding]:
    """Judge what one server says of itself, beside the lanes, which may be on several. Pure."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", facts.version)[:2])
    oldest = ".".join(map(str, OLDEST_VERSION))
    return [
        finding(
            "Redis version",
            f"{facts.version}, {oldest} or later is needed",
            Level.FAIL if numbers < OLDEST_VERSION else None,
            f"install Redis {oldest} or later",
        ),
        *(_unread() if facts.config is None else _assess_config(facts.config)),
        finding(
            "Redis last write",
            "to the append-only file succeeded" if facts.last_write_ok else "failed",
            None if facts.last_write_ok else Level.FAIL,
            "see the log of Redis; most often its disk is full",
        ),
        finding(
            "clock",
            f"Redis is {facts.clock_seconds:+.3f} s from this host",
            Level.WARN if abs(facts.clock_seconds) > CLOCK_WARN_SECONDS else None,
            "synchronise both hosts by NTP; order and leases do not depend on it, since they use "
            "the clock of Redis alone",
        ),
    ]


def _assess_config(config: Mapping[str, str]) -> list[Finding]:
    sync = config.get("appendfsync", "unknown")
    limit, policy = config.get("maxmemory", "0"), config.get("maxmemory-policy", "unknown")
    return [
        finding(
            "Redis appendonly",
            config.get("appendonly", "unknown"),
            None if config.get("appendonly") == "yes" else Level.FAIL,
            "accepted trades are lost when Redis ends: set `appendonly yes`",
        ),
        finding(
            "Redis appendfsync",
            sync,
            {"always": None, "everysec": Level.WARN}.get(sync, Level.FAIL),
            "trades that were answered as safe are lost in a power cut: set `appendfsync always`, "
            "which costs next to nothing because submissions are pipelined",
        ),
        finding(
            "Redis maxmemory-policy",
            f"{policy} (maxmemory {limit})",
            None if policy == "noeviction" else Level.FAIL,
            "Redis may throw out accepted trades when its memory is full: set "
            "`maxmemory-policy noeviction`; submissions then get 503 and nothing is lost",
        ),
    ]


def _unread() -> list[Finding]:
    cure = (
        "this Redis refuses CONFIG GET: make sure in its provider's console that appendonly is "
        "yes, appendfsync is always and maxmemory-policy is noeviction"
    )
    return [Finding(Level.WARN, "Redis configuration", "cannot be read", cure)]


def assess_lanes(recorded: int | None, lanes: int) -> Finding:
    """Judge the lane count that was recorded. Pure."""
    if recorded is None:
        return Finding(Level.OK, "lanes", f"{lanes} set, none recorded: Redis was not used yet")
    return finding(
        "lanes",
        f"{lanes} set, {recorded} recorded at first use",
        None if recorded == lanes else Level.FAIL,
        f"set TRADECAPTURE_LANES={recorded} for every process",
    )


def ask_redis(redis: "Redis", recorded: Collection[int | None] = ()) -> RedisFacts:
    """Ask a server what it says of itself.

    Args:
        redis: the server.
        recorded: the lane counts that were found there.

    Raises:
        RedisError: it does not answer.
    """
    before = time.time()
    seconds, microseconds = redis.time()
    ours = (before + time.time()) / 2
    info = redis.info()
    return RedisFacts(
        version=str(info["redis_version"]),
        config=_config(redis),
        last_write_ok=info.get("aof_last_write_status", "ok") == "ok",
        lanes=next((count for count in recorded if count is not None), None),
        clock_seconds=seconds + microseconds / 1_000_000 - ours,
    )


def _config(redis: "Redis") -> Mapping[str, str] | None:
    config: dict[str, str] = {}
    try:
        for name in CONFIG_NAMES:  # one at a time: Redis 6.2 takes no more
            config |= cast(dict[str, str], redis.config_get(name))
    except ResponseError:
        return None
    return config
