"""The connection budget: how many connections a fleet holds to each of its servers. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

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


class BudgetLine(Struct, frozen=True):
    """What one kind of process holds."""

    what: str
    number: int
    each: int  # connections, at most

    @property
    def connections(self) -> int:
        """How many all of them hold, at most."""
        return self.number * self.each


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
