"""What a batch of trades costs: the only thing that the model knows of the product."""

from typing import NamedTuple


class Line(NamedTuple):
    """A cost that grows with the trades of a batch."""

    batch: float  # whatever its size
    trade: float  # each

    def of(self, trades: float) -> float:
        """Return the cost of a batch of so many trades."""
        return self.batch + self.trade * trades


class Costs(NamedTuple):
    """What the batches of one way cost."""

    seconds: Line  # from claim to claim
    answers: Line  # of the database, each of which the proxy holds back
    worker: Line  # seconds of CPU
    redis: Line
    postgresql: Line
    proxy: Line
    redis_commands: Line
    redis_bytes: Line
    database_bytes: Line
    ledger_bytes: Line  # of the trades and their indexes
    log_bytes: Line  # of PostgreSQL's write-ahead log

    def batch_seconds(self, trades: float, delay_seconds: float) -> float:
        """Return how long one process is at a batch of so many trades.

        Args:
            trades: in the batch.
            delay_seconds: of each answer of the database.
        """
        return self.seconds.of(trades) + self.answers.of(trades) * delay_seconds

    def cpu(self, trades: float) -> float:
        """Return the seconds of CPU, of all processes, that a batch of so many trades takes."""
        lines = (self.worker, self.redis, self.postgresql, self.proxy)
        return sum(line.of(trades) for line in lines)


class Footprint(NamedTuple):
    """What the acceptance of a trade takes, and leaves in Redis."""

    redis_memory_bytes: float  # while the trade waits
    seen_bytes: float  # for as long as a resend is recognised at once
    accept_redis_seconds: float  # of Redis's CPU
