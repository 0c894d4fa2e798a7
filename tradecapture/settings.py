"""The settings, read once from the environment into one frozen object."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from tradecapture.connections.urls import (
    BROKER_SCHEMES,
    REDIS_SCHEMES,
    SentinelAccess,
    check_url,
    is_cluster,
)

PREFIX = "TRADECAPTURE_"
REDIS = "TRADECAPTURE_REDIS_URL"
DATABASE = "TRADECAPTURE_DATABASE_URL"
BROKER = "TRADECAPTURE_BROKER_URL"


class SettingsError(ValueError):
    """A setting cannot be used; the message names the environment variable and what to give."""


def _url(default: str, description: str, schemes: tuple[str, ...] | None) -> Any:
    # A URL may have a password, so it must not appear in repr and logs. Schemes of None: a URL of
    # SQLAlchemy, which ledger.engine checks.
    return field(
        default=default, repr=False, metadata={"description": description, "schemes": schemes}
    )


def _text(default: str, description: str) -> Any:
    return field(default=default, metadata={"description": description, "text": True})


def _secret(description: str) -> Any:
    return field(default="", repr=False, metadata={"description": description, "text": True})


def _number(default: float, low: float, high: float, description: str) -> Any:
    return field(default=default, metadata={"description": description, "low": low, "high": high})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of tradecapture, with a safe default.

    The environment variable of a setting is `TRADECAPTURE_` and its name in capitals, such as
    `TRADECAPTURE_REDIS_URL`. docs/reference/settings.md has a line for each.
    """

    redis_url: str = _url("redis://127.0.0.1:6379/0", "Redis that holds the inboxes", REDIS_SCHEMES)
    broker_url: str = _url(
        "", "Celery broker that carries the bells; empty: the Redis of the inboxes", BROKER_SCHEMES
    )
    database_url: str = _url(
        "sqlite:///tradecapture.db", "database of the ledger, as a SQLAlchemy URL", None
    )
    replica_url: str = _url(
        "", "read replica of the ledger, read for status and search; empty: none", None
    )
    lanes: int = _number(
        16,
        1,
        256,
        "number of lanes: enough for any fleet, and few enough for one BRPOP over all queues",
    )
    batch_trades: int = _number(
        1000, 1, 10_000, "trades in one transaction, at most; above 1,000 a trade costs no less"
    )
    batch_bytes: int = _number(
        8 * 2**20, 2**10, 2**30, "bytes of trades in one claim, at most; bounds a worker's memory"
    )
    batch_partitions: int = _number(
        500, 1, 10_000, "partitions in one claim, at most; bounds the rows that a transaction locks"
    )
    lease_seconds: float = _number(
        5.0,
        0.5,
        300,
        "how long an unrenewed claim lasts; then other workers may claim its partitions",
    )
    budget_seconds: float = _number(
        0.5,
        0.01,
        60,
        "how long a capture task works on one lane before the next lane gets its turn",
    )
    sweep_seconds: float = _number(
        0.5,
        0.1,
        60,
        "how often a worker rings lanes that are due without a bell; each time costs Redis 65 µs",
    )
    bell_seconds: float = _number(
        5.0, 0.5, 300, "how long a bell counts as waiting; a lost bell is rung again afterwards"
    )
    backoff_seconds: float = _number(
        0.1, 0.001, 60, "first delay of a partition that was locked, or whose capture failed"
    )
    backoff_limit_seconds: float = _number(
        10.0, 0.01, 600, "longest such delay; a repaired database is noticed within this time"
    )
    retry_attempts: int = _number(
        5, 1, 100, "attempts at one transaction before its claim is postponed"
    )
    idempotency_seconds: int = _number(
        86_400,
        1,
        2_592_000,
        "how long the inbox recognises a resend; afterwards the ledger recognises it",
    )
    limit_total: int = _number(
        1_000_000,
        1,
        10**9,
        "trades that may wait in all lanes together; a trade of 1 KiB takes 2 KiB of Redis",
    )
    limit_lane: int = _number(
        250_000,
        1,
        10**9,
        "trades that may wait in one lane; leaves room for others when one lane is stuck",
    )
    limit_partition: int = _number(
        100_000,
        1,
        10**9,
        "trades that may wait in one partition; a held partition cannot fill its lane",
    )
    sequence_window: int = _number(
        100, 1, 10_000, "how far ahead of its turn a sequence number may be buffered"
    )
    sequence_timeout_seconds: float = _number(
        300.0, 1, 604_800, "age at which a gap in the sequence numbers is shown to operators"
    )
    trade_bytes: int = _number(256 * 2**10, 2**10, 16 * 2**20, "bytes of one trade, at most")
    pool_size: int = _number(
        2,
        1,
        100,
        "database connections of one process; a capture uses one, a read of a status another",
    )
    connect_seconds: float = _number(
        3.0, 0.1, 60, "how long to wait for a connection to Redis or the database before giving up"
    )
    sentinel_master: str = _text(
        "mymaster", "name of the master at the sentinels, if a URL names sentinels"
    )
    sentinel_username: str = _text(
        "", "user name at the sentinels, if they have ACLs; empty: their default user"
    )
    sentinel_password: str = _secret(
        "password at the sentinels, not at the Redis servers; empty: none"
    )
    safe_replicas: int = _number(
        0, 0, 10, "replicas that must have a trade before it is accepted; 0: none"
    )
    heartbeat_file: str = _text(
        "", "file that a worker's main process touches every second; empty: none"
    )

    @property
    def broker(self) -> str:
        """The URL of the broker; by default the Redis of the inboxes."""
        return self.broker_url or self.redis_url

    @property
    def sentinels(self) -> SentinelAccess:
        """The name of the master, and how to log in at the sentinels."""
        return SentinelAccess(self.sentinel_master, self.sentinel_username, self.sentinel_password)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. An empty variable counts as not set.

        Raises:
            SettingsError: one or more variables cannot be used; the message names all of them.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        for setting in fields(cls):
            text = environment.get(variable_of(setting), "").strip()
            if not text:
                continue
            try:
                values[setting.name] = _read(setting, text)
            except ValueError as problem:
                problems.append(f"{variable_of(setting)}={_shown(setting, text)}: {problem}")
        settings = None if problems else cls(**values)
        if settings and is_cluster(settings.broker):
            problems.append(
                f"{PREFIX}BROKER_URL is empty, and Celery cannot use a Redis Cluster: name "
                "another Redis or RabbitMQ there; it carries bells, but no trades"
            )
        if problems or settings is None:
            raise SettingsError("; ".join(problems))
        return settings


def variable_of(setting: "Field[Any]") -> str:
    """Return the environment variable of a setting."""
    return PREFIX + setting.name.upper()


def _shown(setting: "Field[Any]", text: str) -> str:
    return repr(text) if setting.repr else "(not shown)"


def _read(setting: "Field[Any]", text: str) -> object:
    if "text" in setting.metadata:
        return text
    if "low" not in setting.metadata:
        if "://" not in text:
            raise ValueError("give a URL, such as " + str(setting.default or "redis://host:6379/0"))
        if setting.metadata["schemes"] is not None:
            check_url(text, setting.metadata["schemes"])
        return text
    low, high = setting.metadata["low"], setting.metadata["high"]
    kind = "whole number" if setting.type is int else "number"
    try:
        number = int(text) if setting.type is int else float(text)
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        raise ValueError(f"give a {kind} from {low} to {high}")
    return number
