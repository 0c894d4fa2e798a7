"""The costs of a simulated capture: those that `make scaling` measured, and no others."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.scaling import costs as scaling
from benchmarks.scaling.cell import DEFAULT_BATCH, FLEET, Cell, Series
from benchmarks.scaling.results import Results
from tradecapture.settings import Settings

RESULTS = Path(__file__).parents[2] / "docs" / "scaling.json"
DELAY_MS = 20  # of each answer: a database in another zone under load; docs/scaling.md has others
# Processors that an idle worker of four processes uses: 0.12 s of CPU were measured in 40 s.
# `make scaling` has no such cell.
IDLE_CPU = 0.003

# The measured cell that a simulated process is compared with. The simulated costs come from a run
# without a delay, the cell was measured with one: they may differ by this margin.
REFERENCE_CELL = Cell(Series(FLEET, "many", DEFAULT_BATCH), DELAY_MS, 1)
MARGIN = 0.15


class Costs(NamedTuple):
    """What one worker process needs."""

    capture: scaling.Costs
    delay_seconds: float  # of each answer of the database
    batch_trades: int  # of a claim, at most
    batch_partitions: int  # of a claim, at most

    def claim_seconds(self, trades: float) -> float:
        """Return how long a claim of this many trades takes."""
        return self.capture.batch_seconds(trades, self.delay_seconds)

    def share_of_claim(self, depth: float) -> float:
        """Return the share of a claim that a partition with this many waiting trades fills.

        `inbox/scripts/load.lua` counts in the same way: a partition counts by its trades, but one
        claim at most, and at least as one of the partitions of a claim.
        """
        return max(1 / self.batch_partitions, min(1.0, depth / self.batch_trades))

    def cpu_seconds(self, trades: float, processes: float) -> float:
        """Return the CPU time of workers that capture this many trades in a second.

        A free process claims whatever is there. So if little waits, claims are small and many, but
        each has at least one trade.
        """
        empty = self.claim_seconds(0)
        each = self.claim_seconds(1) - empty
        claims = min(trades, (processes - trades * each) / empty)
        return claims * self.capture.worker.batch + trades * self.capture.worker.trade

    @property
    def max_per_second(self) -> float:
        """Trades a second of one process whose claims are full."""
        return self.batch_trades / self.claim_seconds(self.batch_trades)


@cache
def measurements() -> Results:
    """Return the results of `make scaling`."""
    return Results.read(RESULTS)


def costs_of(settings: Settings) -> Costs:
    """Return the costs of a process with these settings."""
    results = measurements()
    return Costs(
        results.costs[FLEET],
        results.delays[DELAY_MS],
        settings.batch_trades,
        settings.batch_partitions,
    )


def reference_per_second() -> float:
    """Return the measured trades a second of the reference cell."""
    return measurements().rates()[REFERENCE_CELL]
