"""Findings on connections: whether a fleet's connections fit into what its servers allow."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct, structs
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.connections.redis_client import read_config
from tradecapture.doctor.finding import BudgetLine, Finding, Level, finding
from tradecapture.inbox import connect_inboxes
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import open_engine
from tradecapture.settings import Settings

# A process of a worker's pool: its capture, in one thread, and the client of trades that are
# submitted as Celery tasks, which asks the ledger (or its replica) why a resend was refused. One
# thread takes one connection of the pool, however large the pool is.
DATABASE_PER_PROCESS = 2
REPLICA_PER_PROCESS = 1
# A worker's main process checks the tables when it starts, and then closes its connection.
DATABASE_PER_MAIN = 1
# An API process: one pool for status and search, one for operators.
POOLS_PER_API = 2

# Reserved for operators' commands, `doctor`, a migration, monitoring, and the three that
# PostgreSQL keeps for its superuser.
DATABASE_RESERVED = 10
REPLICA_RESERVED = 5

# Redis, inboxes and broker together. A main process: its queues, control, events, heartbeat and
# the sweep (7 were observed). A process: its claims, lease renewal, bell, and a client's two.
REDIS_PER_MAIN = 8
REDIS_PER_PROCESS = 5
# An API process: the threads that may ask at the same time, at most (Python's default executor),
# one that accepts, and its bell.
REDIS_PER_API = 34
REDIS_RESERVED = 20

# Above this share of a server's connections too few are left for operators, migrations, and an
# upgrade in which the old and the new fleet run side by side.
WARN_SHARE = 0.8

CURES = {
    "database": "run fewer workers, raise the server's limit (`max_connections`), lower "
    "TRADECAPTURE_POOL_SIZE (only the APIs need more than one), or put PgBouncer between",
    "replica": "raise its limit (PostgreSQL wants it at least as high as the primary's), lower "
    "TRADECAPTURE_POOL_SIZE, or add a replica at the same address",
    "Redis": "raise `maxclients`, and the server's limit of open files with it, or run fewer "
    "workers with more processes each",
}


class FleetSize(NamedTuple):
    """How many processes a fleet has."""

    apis: int  # API processes
    workers: int  # worker main processes: `celery -A workers worker`, or containers
    concurrency: int  # pool processes of each worker, which capture

    @property
    def processes(self) -> int:
        """Pool processes of all workers."""
        return self.workers * self.concurrency


class Budget(Struct, frozen=True):
    """The connections that a fleet holds to one server, at most."""

    server: str
    lines: Sequence[BudgetLine]
    reserved: int  # for everything that is not the fleet
    per_worker: int  # connections that one more worker would hold

    @property
    def fleet(self) -> int:
        """Connections of the fleet."""
        return sum(line.connections for line in self.lines)

    @property
    def required(self) -> int:
        """Connections that the server must allow."""
        return self.fleet + self.reserved

    def max_workers(self, limit: int, size: FleetSize) -> int:
        """Return how many such workers, with the fleet's APIs, fit into a server's limit."""
        without_workers = self.required - size.workers * self.per_worker
        return max(0, (limit - without_workers) // self.per_worker)


def budget_of_database(size: FleetSize, pool_size: int) -> Budget:
    """Return what a fleet holds to the ledger's own database."""
    lines = [
        BudgetLine("API processes", size.apis, POOLS_PER_API * pool_size),
        BudgetLine("worker processes", size.processes, DATABASE_PER_PROCESS),
        BudgetLine("workers that start", size.workers, DATABASE_PER_MAIN),
    ]
    per_worker = size.concurrency * DATABASE_PER_PROCESS + DATABASE_PER_MAIN
    return Budget("database", lines, DATABASE_RESERVED, per_worker)


def budget_of_replica(size: FleetSize, pool_size: int) -> Budget:
    """Return what a fleet holds to the read replica."""
    lines = [
        BudgetLine("API processes", size.apis, pool_size),
        BudgetLine("worker processes", size.processes, REPLICA_PER_PROCESS),
    ]
    return Budget("replica", lines, REPLICA_RESERVED, size.concurrency * REPLICA_PER_PROCESS)


def budget_of_redis(size: FleetSize) -> Budget:
    """Return what a fleet holds to the Redis that serves the inboxes and the broker.

    If these are two servers, each gets fewer connections than this.
    """
    lines = [
        BudgetLine("API processes", size.apis, REDIS_PER_API),
        BudgetLine("worker processes", size.processes, REDIS_PER_PROCESS),
        BudgetLine("workers' main processes", size.workers, REDIS_PER_MAIN),
    ]
    per_worker = size.concurrency * REDIS_PER_PROCESS + REDIS_PER_MAIN
    return Budget("Redis", lines, REDIS_RESERVED, per_worker)


def check_budgets(settings: Settings, size: FleetSize) -> list[Finding]:
    """Compare what a fleet of a size holds to each server with what the server allows.

    Raises:
        SettingsError: the ledger cannot use the kind of database that a URL names.
    """
    pool_size = settings.pool_size
    budgets = [(budget_of_database(size, pool_size), _database_limit(settings, replica=False))]
    if settings.replica_url:
        replica = budget_of_replica(size, pool_size)
        budgets.append((replica, _database_limit(settings, replica=True)))
    budgets.append((budget_of_redis(size), _redis_limit(settings)))
    return [assess_fleet(budget, limit, size) for budget, limit in budgets]


def assess_fleet(budget: Budget, limit: int | None, size: FleetSize) -> Finding:
    """Assess whether a fleet fits into a server's limit (None: no limit is known). Pure."""
    subject = f"connections to {budget.server}"
    parts = [f"{line.number} {line.what} x {line.each}" for line in budget.lines]
    message = f"{' + '.join(parts)} + {budget.reserved} reserved = {budget.required}"
    if limit is None:
        return Finding(Level.OK, subject, f"{message}; no limit is known", lines=budget.lines)
    message += (
        f" of the server's {limit}; at most {budget.max_workers(limit, size)} workers of "
        f"{size.concurrency} processes fit"
    )
    level = _level_of(budget.required, limit)
    return structs.replace(
        finding(subject, message, level, CURES[budget.server]), lines=budget.lines
    )


def assess_pools(limit: str | None, processes: int, pool_size: int) -> Finding:
    """Assess whether the processes' pools fit into a database's limit (None: it has none). Pure."""
    subject, required = "connection budget", processes * pool_size
    message = f"{processes} processes x {pool_size} connections = {required}"
    if limit is None:
        message += "; SQLite has no limit, but one writer at a time and one machine"
        return Finding(Level.OK, subject, message)
    return finding(
        subject,
        f"{message} of the server's {limit}",
        _level_of(required, int(limit)),
        "raise the server's limit, lower TRADECAPTURE_POOL_SIZE or run fewer processes; a capture "
        "needs one connection",
    )


def _level_of(required: int, limit: int) -> Level:
    share = required / limit
    return Level.FAIL if share > 1 else Level.WARN if share > WARN_SHARE else Level.OK


def _database_limit(settings: Settings, *, replica: bool) -> int | None:
    try:
        with open_engine(settings, replica=replica) as (engine, dialect):
            limit = LedgerReader(engine, dialect).server_findings().get("max_connections")
    except SQLAlchemyError:
        return None  # another finding reports the error
    return None if limit is None else int(limit)


def _redis_limit(settings: Settings) -> int | None:
    try:
        with connect_inboxes(settings) as redis:
            limit = redis.info("clients").get("maxclients")
            if limit is None:
                limit = read_config(redis, "maxclients")
    except RedisError:
        return None  # another finding reports the error
    return None if limit is None else int(limit)
