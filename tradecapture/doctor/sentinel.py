"""Findings on replicas: does an accepted trade survive the master, and would another take over."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from tradecapture.connections.redis_client import read_config
from tradecapture.connections.sentinel import ask_sentinels
from tradecapture.connections.urls import is_sentinel
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.settings import Settings

MIN_SENTINELS = 3  # with fewer, one that dies takes the majority with it
NEEDED = "min-replicas-to-write"

REFUSALS = (AuthenticationError, NoPermissionError)
NAMES = (
    f"run {MIN_SENTINELS} on hosts of their own and name all of them, so that there is "
    "still a majority when one dies; TRADECAPTURE_SENTINEL_MASTER is the name in their "
    "`sentinel monitor`"
)
LOGIN = (
    "they refuse the login: TRADECAPTURE_SENTINEL_PASSWORD is the `requirepass` in their own "
    "configuration, not the servers' password, which stands in the URL; with ACLs, "
    "TRADECAPTURE_SENTINEL_USERNAME is a user who may `sentinel|masters` and "
    "`sentinel|get-master-addr-by-name`"
)


class ReplicaFacts(NamedTuple):
    """What the server that is written to says of its replicas, and sentinels of it."""

    role: str  # 'master', or 'slave'
    online: int  # replicas that follow it now
    needed: int | None  # without so many it refuses writes; None: it does not let us read it
    # Address -> the master that it names, or why it does not; empty: none are used.
    sentinels: Mapping[str, str | RedisError]


def ask_replicas(redis: "Redis", settings: Settings) -> ReplicaFacts:
    """Ask about replicas, and the sentinels that the URL names.

    Raises:
        RedisError: Redis does not answer.
    """
    told: dict[str, Any] = redis.info("replication")
    followers = [told.get(f"slave{n}", {}) for n in range(int(told.get("connected_slaves", 0)))]
    return ReplicaFacts(
        str(told["role"]),
        sum(follower.get("state") == "online" for follower in followers),
        _needed(redis),
        _ask_sentinels(settings),
    )


def check_sentinels(settings: Settings) -> list[Finding]:
    """Ask the sentinels that the URL names, and judge their answers; without any, no finding."""
    named = _ask_sentinels(settings)
    return [assess_sentinels(named)] if named else []


def assess_replicas(facts: ReplicaFacts, safe: int) -> list[Finding]:
    """Judge them. One Redis by itself, of which nothing of this is asked, has no findings. Pure.

    Args:
        facts: what was said.
        safe: TRADECAPTURE_SAFE_REPLICAS.
    """
    findings = []
    if facts.role != "master":
        cure = "it refuses every write: name the master in TRADECAPTURE_REDIS_URL, or its sentinels"
        findings.append(Finding(Level.FAIL, "Redis role", facts.role, cure))
    if facts.sentinels:
        findings.append(assess_sentinels(facts.sentinels))
    if safe or facts.sentinels:
        findings += [_assess_safe(facts, safe), *_assess_needed(facts, safe)]
    return findings


def assess_sentinels(named: Mapping[str, str | RedisError]) -> Finding:
    """Judge what sentinels answered, by their addresses; FAIL where no one names a master. Pure."""
    failed = {address: why for address, why in named.items() if isinstance(why, RedisError)}
    refusing = [address for address, why in failed.items() if isinstance(why, REFUSALS)]
    unknowing = [address for address, master in named.items() if master == ""]
    what = f"{len(named)} named, {len(named) - len(failed)} answer"
    if failed:
        what += "".join(f"; {address}: {why}" for address, why in failed.items())
    if unknowing:
        what += f"; do not know the master's name: {', '.join(unknowing)}"
    masters = {master for master in named.values() if isinstance(master, str) and master}
    if len(masters) > 1:
        what += f"; they name different masters: {', '.join(sorted(masters))}"
    wrong = failed or unknowing or len(masters) > 1 or len(named) < MIN_SENTINELS
    bad = Level.WARN if masters else Level.FAIL
    return finding("Redis sentinels", what, bad if wrong else None, LOGIN if refusing else NAMES)


def _assess_safe(facts: ReplicaFacts, safe: int) -> Finding:
    what = f"{facts.online} online, {safe} must have a trade before it is answered as accepted"
    if facts.online < safe:
        cure = "every submission gets 503 until so many follow: start them"
        return Finding(Level.FAIL, "Redis replicas", what, cure)
    if not safe:
        cure = (
            "the trades that were accepted in the moment before a master dies are lost: set "
            "TRADECAPTURE_SAFE_REPLICAS=1 for every process that submits"
        )
        return Finding(Level.WARN, "Redis replicas", what, cure)
    return finding(
        "Redis replicas",
        what,
        Level.WARN if facts.online == safe else None,
        "one replica less, and every submission gets 503: run one more",
    )


def _assess_needed(facts: ReplicaFacts, safe: int) -> list[Finding]:
    if facts.needed is None:
        return []  # "Redis configuration" says that it cannot be read
    wanted = max(safe, 1)
    return [
        finding(
            f"Redis {NEEDED}",
            str(facts.needed),
            Level.WARN if facts.needed != wanted else None,
            f"set `{NEEDED} {wanted}` and `min-replicas-max-lag 10` on the master and on its "
            "replicas: a master without them then refuses at once, also one that was cut off",
        )
    ]


def _ask_sentinels(settings: Settings) -> Mapping[str, str | RedisError]:
    if not is_sentinel(settings.redis_url):
        return {}
    return ask_sentinels(settings.redis_url, settings.sentinels)


def _needed(redis: "Redis") -> int | None:
    needed = read_config(redis, NEEDED)
    return None if needed is None else int(needed)
