"""Settings: read once from the environment, at the edge, into one frozen object."""

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

REDIS = "TRADECAPTURE_REDIS_URL"


DATABASE = "TRADECAPTURE_DATABASE_URL"


BROKER = "TRADECAPTURE_BROKER_URL"


PREFIX = "TRADECAPTURE_"


class SettingsError(ValueError):
    """A setting is not usable; the message names the environment variable and what to give."""


def _url(default: str, why: str, schemes: tuple[str, ...] | None) -> Any:
    # URLs may carry a password, so they are kept out of repr and logs. Schemes: those that will
    # do; None: SQLAlchemy reads the URL, by rules of its own (see ledger.engine).
    return field(default=default, repr=False, metadata={"why": why, "schemes": schemes})


def _text(default: str, why: str) -> Any:
    return field(default=default, metadata={"why": why, "text": True})


def _secret(why: str) -> Any:
    return field(default="", repr=False, metadata={"why": why, "text": True})


def _number(default: float, low: float, high: float, why: str) -> Any:
    return field(default=default, metadata={"why": why, "low": low, "high": high})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of tradecapture. `TRADECAPTURE_` and the name in capitals is its variable."""

    redis_url: str = _url("redis://127.0.0.1:6379/0", "Redis that holds the inboxes", REDIS_SCHEMES)
    broker_url: str = _url(
        "", "Celery broker that carries the bells; empty: the same Redis", BROKER_SCHEMES
    )
    database_url: str = _url("sqlite:///tradecapture.db", "the ledger, as a SQLAlchemy URL", None)
    replica_url: str = _url(
        "", "a read replica of the ledger, for status and search; empty: none", None
    )
    lanes: int = _number(
        16, 1, 256, "lanes; enough for any fleet, and few enough for one BRPOP over all queues"
    )
    batch_trades: int = _number(
        1000, 1, 10_000, "trades a transaction, at most; more no longer lowers the cost of a trade"
    )
    batch_bytes: int = _number(
        8 * 2**20, 2**10, 2**30, "bytes of trades a claim, at most; bounds a worker's memory"
    )
    batch_partitions: int = _number(
        500, 1, 10_000, "partitions a claim, at most; bounds the rows that a transaction locks"
    )
    lease_seconds: float = _number(
        5.0, 0.5, 300, "a claim's lease; a dead worker's partitions move again after it"
    )
    budget_seconds: float = _number(
        0.5, 0.01, 60, "how long a capture task stays with one lane before the next has its turn"
    )
    sweep_seconds: float = _number(
        0.5,
        0.1,
        60,
        "how often each worker looks for overdue lanes that have no bell; a look costs Redis 65 µs",
    )
    bell_seconds: float = _number(
        5.0, 0.5, 300, "how long a bell counts as waiting; a lost one is rung again after it"
    )
    backoff_seconds: float = _number(
        0.1, 0.001, 60, "first delay of a partition that was locked or whose batch failed"
    )
    backoff_limit_seconds: float = _number(
        10.0, 0.01, 600, "longest such delay; a repaired database is noticed within it"
    )
    retry_attempts: int = _number(
        5, 1, 100, "attempts at one transaction before its claim is postponed"
    )
    idempotency_seconds: int = _number(
        86_400, 1, 2_592_000, "how long a resend is recognised at once; the ledger always does"
    )
    limit_total: int = _number(
        1_000_000, 1, 10**9, "trades that may wait in all lanes; one of 1 KiB takes 2 KiB of Redis"
    )
    limit_lane: int = _number(
        250_000,
        1,
        10**9,
        "trades that may wait in a lane; one that is stuck leaves room for others",
    )
    limit_partition: int = _number(
        100_000, 1, 10**9, "trades that may wait in a partition; one that is held fills no lane"
    )
    sequence_window: int = _number(
        100, 1, 10_000, "how far ahead of its turn one of upstream's numbers may be buffered"
    )
    sequence_timeout_seconds: float = _number(
        300.0, 1, 604_800, "a gap in upstream's numbers that is older is shown to the operators"
    )
    trade_bytes: int = _number(256 * 2**10, 2**10, 16 * 2**20, "size of one trade, at most")
    pool_size: int = _number(
        2, 1, 100, "database connections a process; a capture needs one, a status read another"
    )
    connect_seconds: float = _number(
        3.0, 0.1, 60, "how long to wait for Redis or the database before saying so"
    )
    sentinel_master: str = _text(
        "mymaster", "the name that sentinels know the master by, where a URL names sentinels"
    )
    sentinel_username: str = _text(
        "", "user at the sentinels themselves, if they have ACLs; empty: their default user"
    )
    sentinel_password: str = _secret(
        "password of the sentinels themselves, not of the servers; empty: asked without one"
    )
    safe_replicas: int = _number(
        0, 0, 10, "replicas that must have a trade before it is answered as accepted; 0: none"
    )
    heartbeat_file: str = _text(
        "", "file that a worker's main process touches every second while it lives; empty: none"
    )

    @property
    def broker(self) -> str:
        """The broker's URL: its own, or that of the inboxes' Redis."""
        return self.broker_url or self.redis_url

    @property
    def sentinels(self) -> SentinelAccess:
        """What sentinels are asked for, and as whom."""
        return SentinelAccess(self.sentinel_master, self.sentinel_username, self.sentinel_password)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: one or more variables are not usable; all are named at once.
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
                f"{PREFIX}BROKER_URL is empty, and Celery cannot use a Redis Cluster: name a plain "
                "Redis or RabbitMQ there, which carries the bells and no trade"
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
