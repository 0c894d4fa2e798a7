"""The costs of a batch of trades: everything that the model knows of the product."""

from typing import NamedTuple


class LinearCost(NamedTuple):
    """A cost that grows with the number of trades in a batch."""

    batch: float  # fixed part, for each batch
    trade: float  # for each trade

    def of(self, trades: float) -> float:
        """Return the cost of a batch of this many trades."""
        return self.batch + self.trade * trades


class Costs(NamedTuple):
    """What the batches of one variant cost."""

    seconds: LinearCost  # from claim to claim
    answers: LinearCost  # of the database; the proxy delays each
    worker: LinearCost  # seconds of CPU; so are the next three
    redis: LinearCost
    postgresql: LinearCost
    proxy: LinearCost
    redis_commands: LinearCost
    redis_bytes: LinearCost
    database_bytes: LinearCost
    ledger_bytes: LinearCost  # of the trades and their indexes
    log_bytes: LinearCost  # of PostgreSQL's write-ahead log

    def batch_seconds(self, trades: float, delay_seconds: float) -> float:
        """Return how long one process needs for a batch.

        Args:
            trades: in the batch.
            delay_seconds: of each answer of the database.
        """
        return self.seconds.of(trades) + self.answers.of(trades) * delay_seconds

    def cpu(self, trades: float) -> float:
        """Return the seconds of CPU, of all processes, for a batch of this many trades."""
        costs = (self.worker, self.redis, self.postgresql, self.proxy)
        return sum(cost.of(trades) for cost in costs)


class Footprint(NamedTuple):
    """What the acceptance of a trade costs, and what it leaves in Redis."""

    redis_memory_bytes: float  # while the trade waits
    seen_bytes: float  # during the idempotency window
    accept_redis_seconds: float  # of Redis' CPU
