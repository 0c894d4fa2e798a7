"""Findings on Redis replicas and sentinels: whether an accepted trade survives a lost master."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from tradecapture.connections.redis_client import read_config
from tradecapture.connections.sentinel import ask_sentinels
from tradecapture.connections.urls import is_sentinel
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.settings import Settings

MIN_SENTINELS = 3  # with fewer, the loss of one loses the majority
MIN_REPLICAS = "min-replicas-to-write"

LOGIN_ERRORS = (AuthenticationError, NoPermissionError)
SENTINELS_CURE = (
    f"run {MIN_SENTINELS} on different hosts and name all of them, so that there is "
    "still a majority when one dies; TRADECAPTURE_SENTINEL_MASTER is the name in their "
    "`sentinel monitor`"
)
LOGIN_CURE = (
    "they refuse the login: TRADECAPTURE_SENTINEL_PASSWORD is the `requirepass` in their own "
    "configuration, not the servers' password, which is in the URL; with ACLs, "
    "TRADECAPTURE_SENTINEL_USERNAME is a user who may `sentinel|masters` and "
    "`sentinel|get-master-addr-by-name`"
)


class FailoverFacts(NamedTuple):
    """What a Redis server reports about its replicas, and what the sentinels report about it."""

    role: str  # 'master', or 'slave'
    online_replicas: int
    min_replicas: int | None  # min-replicas-to-write; None: it cannot be read
    sentinels: Mapping[str, str | RedisError]  # see `assess_sentinels`; empty: none are used


def ask_failover(redis: "Redis", settings: Settings) -> FailoverFacts:
    """Ask a server about its replicas, and the sentinels that the URL names.

    Raises:
        RedisError: the server does not answer.
    """
    info: dict[str, Any] = redis.info("replication")
    replicas = [info.get(f"slave{n}", {}) for n in range(int(info.get("connected_slaves", 0)))]
    min_replicas = read_config(redis, MIN_REPLICAS)
    return FailoverFacts(
        role=str(info["role"]),
        online_replicas=sum(replica.get("state") == "online" for replica in replicas),
        min_replicas=None if min_replicas is None else int(min_replicas),
        sentinels=_ask_sentinels(settings),
    )


def check_sentinels(settings: Settings) -> list[Finding]:
    """Ask the sentinels that the URL names; without any, no finding."""
    answers = _ask_sentinels(settings)
    return [assess_sentinels(answers)] if answers else []


def _ask_sentinels(settings: Settings) -> Mapping[str, str | RedisError]:
    if not is_sentinel(settings.redis_url):
        return {}
    return ask_sentinels(settings.redis_url, settings.sentinels)


def assess_failover(facts: FailoverFacts, safe_replicas: int) -> list[Finding]:
    """Assess replicas and sentinels. Pure.

    A single Redis without required replicas has no findings.

    Args:
        facts: what the server and the sentinels report.
        safe_replicas: TRADECAPTURE_SAFE_REPLICAS.
    """
    findings = []
    if facts.role != "master":
        cure = "it refuses every write: name the master in TRADECAPTURE_REDIS_URL, or its sentinels"
        findings.append(Finding(Level.FAIL, "Redis role", facts.role, cure))
    if facts.sentinels:
        findings.append(assess_sentinels(facts.sentinels))
    if safe_replicas or facts.sentinels:
        findings.append(_assess_replicas(facts.online_replicas, safe_replicas))
        # If it cannot be read, "Redis configuration" says so.
        if facts.min_replicas is not None:
            findings.append(_assess_min_replicas(facts.min_replicas, safe_replicas))
    return findings


def assess_sentinels(answers: Mapping[str, str | RedisError]) -> Finding:
    """Assess what sentinels answered; FAIL if none of them names a master. Pure.

    Args:
        answers: by a sentinel's address, the master's address; empty if the sentinel does not know
            the master's name, an error if it did not answer.
    """
    errors = {
        address: answer for address, answer in answers.items() if isinstance(answer, RedisError)
    }
    unaware = [address for address, answer in answers.items() if answer == ""]
    masters = {answer for answer in answers.values() if isinstance(answer, str) and answer}
    message = f"{len(answers)} named, {len(answers) - len(errors)} answer"
    message += "".join(f"; {address}: {error}" for address, error in errors.items())
    if unaware:
        message += f"; do not know the master's name: {', '.join(unaware)}"
    if len(masters) > 1:
        message += f"; they name different masters: {', '.join(sorted(masters))}"
    if not masters:
        level = Level.FAIL
    elif errors or unaware or len(masters) > 1 or len(answers) < MIN_SENTINELS:
        level = Level.WARN
    else:
        level = Level.OK
    login_refused = any(isinstance(error, LOGIN_ERRORS) for error in errors.values())
    return finding(
        "Redis sentinels", message, level, LOGIN_CURE if login_refused else SENTINELS_CURE
    )


def _assess_replicas(online: int, safe_replicas: int) -> Finding:
    message = f"{online} online, {safe_replicas} must have a trade before it is accepted"
    if online < safe_replicas:
        cure = f"every submission gets 503 until {safe_replicas} are online: start them"
        return Finding(Level.FAIL, "Redis replicas", message, cure)
    if not safe_replicas:
        cure = (
            "trades that were accepted just before a master dies are lost: set "
            "TRADECAPTURE_SAFE_REPLICAS=1 for every process that submits"
        )
        return Finding(Level.WARN, "Redis replicas", message, cure)
    return finding(
        "Redis replicas",
        message,
        Level.WARN if online == safe_replicas else Level.OK,
        "if one replica is lost, every submission gets 503: run one more",
    )


def _assess_min_replicas(min_replicas: int, safe_replicas: int) -> Finding:
    required = max(safe_replicas, 1)
    return finding(
        f"Redis {MIN_REPLICAS}",
        str(min_replicas),
        Level.OK if min_replicas == required else Level.WARN,
        f"set `{MIN_REPLICAS} {required}` and `min-replicas-max-lag 10` on the master and on its "
        "replicas: a master that lost its replicas, or is cut off from them, then refuses "
        "submissions at once",
    )
