"""Findings on connections: does a fleet fit into its servers, and how large a one would."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct, structs
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.connections.redis_client import read_config
from tradecapture.doctor.finding import BudgetLine, Finding, Level, finding
from tradecapture.inbox import connect_inboxes
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import make_engine
from tradecapture.settings import Settings

# Of one worker process: its capture, in one thread, and the client of trades that are submitted as
# Celery tasks, which asks the ledger (or its replica) why a resend was refused. However large the
# pool is, one thread takes one connection of it.
DATABASE_EACH_PROCESS = 2
REPLICA_EACH_PROCESS = 1
# Of a worker's main process: it checks the tables when it starts, and lets go.
DATABASE_EACH_MAIN = 1
# Of an API: one pool for status and search, one for what operators look at and do.
POOLS_EACH_API = 2

# Kept back for operators' commands, `doctor`, a migration, monitoring, and the three that
# PostgreSQL keeps for its superuser.
DATABASE_KEPT = 10
REPLICA_KEPT = 5

# Redis, inboxes and broker together. A main process: its queues, control, events, heartbeat and
# the sweep (7 are seen). A process: its claims, lease renewal, bell, and a client's two.
REDIS_EACH_MAIN = 8
REDIS_EACH_PROCESS = 5
# Threads of an API that may ask at the same time, at most (Python's default executor), one that
# accepts, and its bell.
REDIS_EACH_API = 34
REDIS_KEPT = 20


class FleetSize(NamedTuple):
    """How many processes a fleet has."""

    apis: int  # API processes
    workers: int  # worker main processes: `celery -A workers worker`, or containers
    concurrency: int  # processes of each worker that capture

    @property
    def processes(self) -> int:
        """Processes that capture."""
        return self.workers * self.concurrency


class Budget(Struct, frozen=True):
    """What a fleet holds of one server."""

    server: str
    lines: Sequence[BudgetLine]
    kept: int  # back, for others
    each_worker: int  # connections that one more worker would hold

    @property
    def fleet(self) -> int:
        """Connections of the fleet, at most."""
        return sum(line.connections for line in self.lines)

    @property
    def wanted(self) -> int:
        """Connections that the server must allow."""
        return self.fleet + self.kept

    def most_workers(self, limit: int, size: FleetSize) -> int:
        """Return how many such workers fit beside the fleet's APIs into a server's limit."""
        others = self.wanted - size.workers * self.each_worker
        return max(0, (limit - others) // self.each_worker)


def budget_of_database(size: FleetSize, pool_size: int) -> Budget:
    """Return what a fleet holds of the ledger's own database."""
    lines = [
        BudgetLine("API processes", size.apis, POOLS_EACH_API * pool_size),
        BudgetLine("worker processes", size.processes, DATABASE_EACH_PROCESS),
        BudgetLine("workers that start", size.workers, DATABASE_EACH_MAIN),
    ]
    each = size.concurrency * DATABASE_EACH_PROCESS + DATABASE_EACH_MAIN
    return Budget("database", lines, DATABASE_KEPT, each)


def budget_of_replica(size: FleetSize, pool_size: int) -> Budget:
    """Return what a fleet holds of the read replica."""
    lines = [
        BudgetLine("API processes", size.apis, pool_size),
        BudgetLine("worker processes", size.processes, REPLICA_EACH_PROCESS),
    ]
    return Budget("replica", lines, REPLICA_KEPT, size.concurrency * REPLICA_EACH_PROCESS)


def budget_of_redis(size: FleetSize) -> Budget:
    """Return what a fleet holds of Redis, the broker too, or more than enough of one of two."""
    lines = [
        BudgetLine("API processes", size.apis, REDIS_EACH_API),
        BudgetLine("worker processes", size.processes, REDIS_EACH_PROCESS),
        BudgetLine("workers' main processes", size.workers, REDIS_EACH_MAIN),
    ]
    each = size.concurrency * REDIS_EACH_PROCESS + REDIS_EACH_MAIN
    return Budget("Redis", lines, REDIS_KEPT, each)


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


def check_budgets(settings: Settings, size: FleetSize) -> list[Finding]:
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
    return [assess_fleet(budget, limit, size) for budget, limit in asked]


def assess_fleet(budget: Budget, limit: int | None, size: FleetSize) -> Finding:
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
    found = finding(subject, message, crowded(budget.wanted, limit), CURES[budget.server])
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
