"""The costs of a capture, as they were measured; the simulation knows no others."""

from typing import NamedTuple


class Costs(NamedTuple):
    """What one worker process takes."""

    trade_seconds: float  # of a claim, for each of its trades
    trade_cpu_seconds: float  # of the worker's processor, for each trade
    idle_cpu: float  # processors of a worker that has nothing to do
    answers: int  # of the database that a claim waits for
    delay_seconds: float  # of each answer
    batch_trades: int  # of a claim, at most
    batch_partitions: int  # of a claim, at most

    def claim_seconds(self, trades: float) -> float:
        """Return how long a claim of so many trades takes."""
        return self.answers * self.delay_seconds + trades * self.trade_seconds

    def share_of_claim(self, depth: float) -> float:
        """Return how much of a claim a partition fills in which so many trades wait.

        As `inbox/scripts/work.lua` counts it: by its trades, but one claim at most, and by being
        one of the partitions of a claim.
        """
        return max(1 / self.batch_partitions, min(1.0, depth / self.batch_trades))

    @property
    def most_per_second(self) -> float:
        """Trades a second of one process whose claims are full."""
        return self.batch_trades / self.claim_seconds(self.batch_trades)


# `make bench`: one process captures 23,169 trades/s without delay, at 26 us of its processor each.
# tests/ledger/test_statement_count.py: a batch takes ten statements at most; BEGIN and COMMIT too.
# The delay is a database in another zone under load; docs/scaling.md measures others.
MEASURED = Costs(
    trade_seconds=1 / 23_169,
    trade_cpu_seconds=26e-6,
    idle_cpu=0.03,
    answers=12,
    delay_seconds=0.020,
    batch_trades=1_000,
    batch_partitions=500,
)
