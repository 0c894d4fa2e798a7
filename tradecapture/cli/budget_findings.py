"""Findings on connections: does a fleet fit into its servers, and how large a one would."""

from redis.exceptions import RedisError, ResponseError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.cli.budget import (
    Budget,
    FleetSize,
    budget_of_database,
    budget_of_redis,
    budget_of_replica,
)
from tradecapture.cli.finding import Finding, Level, judged
from tradecapture.inbox import connect_inboxes
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import make_engine
from tradecapture.settings import Settings

# Of a server's connections, the share above which a fleet that is replaced, old beside new, does
# not fit any more.
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
    share = budget.wanted / limit
    level = Level.FAIL if share > 1 else Level.WARN if share > BUDGET_WARN else None
    found = judged(subject, message, level, CURES[budget.server])
    return Finding(found.level, found.subject, found.message, found.cure, budget.lines)


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
                told = redis.config_get("maxclients").get("maxclients")
    except (RedisError, ResponseError):
        return None  # another finding says so, or a provider does not let us know
    return None if told is None else int(told)
