"""The costs of a capture, as `make scaling` measured them; the simulation knows no others."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.scaling import costs as scaling
from benchmarks.scaling.cell import DEFAULT_BATCH, FLEET, Cell, Series
from benchmarks.scaling.results import Results
from tradecapture.settings import Settings

RESULTS = Path(__file__).parents[2] / "docs" / "scaling.json"
DELAY_MS = 20  # of each answer: a database in another zone under load; docs/scaling.md has others
# Processors of a worker of four processes that has nothing to do: 0.12 s of CPU in 40 s were seen.
# `make scaling` has no such cell.
IDLE_CPU = 0.003

# What a simulated process stands for: the costs come from a run without a delay, this was measured
# with one, and they may differ by so much.
STANDS_FOR = Cell(Series(FLEET, "many", DEFAULT_BATCH), DELAY_MS, 1)
MARGIN = 0.15


class Costs(NamedTuple):
    """What one worker process takes."""

    capture: scaling.Costs
    delay_seconds: float  # of each answer of the database
    batch_trades: int  # of a claim, at most
    batch_partitions: int  # of a claim, at most

    def claim_seconds(self, trades: float) -> float:
        """Return how long a claim of so many trades takes."""
        return self.capture.batch_seconds(trades, self.delay_seconds)

    def share_of_claim(self, depth: float) -> float:
        """Return how much of a claim a partition fills in which so many trades wait.

        As `inbox/scripts/work.lua` counts it: by its trades, but one claim at most, and by being
        one of the partitions of a claim.
        """
        return max(1 / self.batch_partitions, min(1.0, depth / self.batch_trades))

    def cpu_seconds(self, trades: float, processes: float) -> float:
        """Return the CPU of workers that capture so many trades in a second.

        A process that is free takes what there is, so that claims are small, and many, where
        little waits; but there is a trade in each.
        """
        empty = self.claim_seconds(0)
        each = self.claim_seconds(1) - empty
        claims = min(trades, (processes - trades * each) / empty)
        return claims * self.capture.worker.batch + trades * self.capture.worker.trade

    @property
    def most_per_second(self) -> float:
        """Trades a second of one process whose claims are full."""
        return self.batch_trades / self.claim_seconds(self.batch_trades)


@cache
def measured() -> Results:
    """Return what `make scaling` found."""
    return Results.read(RESULTS)


def costs_of(settings: Settings) -> Costs:
    """Return the costs of a process with such settings."""
    results = measured()
    return Costs(
        results.costs[FLEET],
        results.delays[DELAY_MS],
        settings.batch_trades,
        settings.batch_partitions,
    )


def measured_per_second() -> float:
    """Return the trades a second that were measured of what a simulated process stands for."""
    return measured().rates()[STANDS_FOR]
