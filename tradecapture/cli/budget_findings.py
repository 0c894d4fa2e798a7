"""Findings on connections: does a fleet fit into its servers, and how large a one would."""

from msgspec import structs
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.cli.budget import (
    Budget,
    FleetSize,
    budget_of_database,
    budget_of_redis,
    budget_of_replica,
)
from tradecapture.cli.finding import Finding, Level, judged
from tradecapture.cli.redis_config import read_config
from tradecapture.inbox import connect_inboxes
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import make_engine
from tradecapture.settings import Settings

# Of a server's connections, the share above which too few are left for operators, migrations and a
# fleet that is replaced, old beside new.
BUDGET_WARN = 0.8

CURES = {
    "database": "run fewer workers, raise the server's limit (`max_connections`), lower "
    "TRADECAPTURE_POOL_SIZE, of which only the APIs need more than one, or put PgBouncer between",
    "replica": "raise its limit, which PostgreSQL wants at least as high as the primary's, lower "
    "TRADECAPTURE_POOL_SIZE, or add a replica behind the same address",
    "Redis": "raise `maxclients`, and the server's limit of open files with it, or run fewer "
    "workers with more processes each",
}


def examine_budgets(settings: Settings, size: FleetSize) -> list[Finding]:
    """Work out what a fleet holds of each server, and compare it with what the server allows.

    Raises:
        SettingsError: a URL is of no database that the ledger can use.
    """
    pool_size = settings.pool_size
    asked = [(budget_of_database(size, pool_size), _database_limit(settings, replica=False))]
    if settings.replica_url:
        replica = budget_of_replica(size, pool_size)
        asked.append((replica, _database_limit(settings, replica=True)))
    asked.append((budget_of_redis(size), _redis_limit(settings)))
    return [judge_fleet(budget, limit, size) for budget, limit in asked]


def judge_fleet(budget: Budget, limit: int | None, size: FleetSize) -> Finding:
    """Judge whether a fleet fits into a server's limit (None: it does not say). Pure."""
    subject = f"connections to {budget.server}"
    parts = [f"{line.number} {line.what} x {line.each}" for line in budget.lines]
    message = f"{' + '.join(parts)} + {budget.kept} kept back = {budget.wanted}"
    if limit is None:
        return Finding(Level.OK, subject, f"{message}; no limit is known", lines=budget.lines)
    most = budget.most_workers(limit, size)
    message += (
        f" of the server's {limit}; at most {most} workers of {size.concurrency} processes fit"
    )
    found = judged(subject, message, crowded(budget.wanted, limit), CURES[budget.server])
    return structs.replace(found, lines=budget.lines)


def crowded(wanted: int, limit: int) -> Level | None:
    """Return how bad it is to want so many of a server's connections; None: they fit. Pure."""
    share = wanted / limit
    return Level.FAIL if share > 1 else Level.WARN if share > BUDGET_WARN else None


def _database_limit(settings: Settings, *, replica: bool) -> int | None:
    url = settings.replica_url if replica else settings.database_url
    engine, dialect = make_engine(
        url, pool_size=1, timeout_seconds=settings.connect_seconds, read_only=replica
    )
    try:
        limit = LedgerReader(engine, dialect).server_findings().get("max_connections")
    except SQLAlchemyError:
        return None  # another finding says so
    finally:
        engine.dispose()
    return None if limit is None else int(limit)


def _redis_limit(settings: Settings) -> int | None:
    try:
        with connect_inboxes(settings) as redis:
            told = redis.info("clients").get("maxclients")
            if told is None:
                told = read_config(redis, "maxclients")
    except RedisError:
        return None  # another finding says so
    return None if told is None else int(told)
