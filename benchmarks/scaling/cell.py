"""A cell of the table: one way to capture, one mix of trades, one delay, so many processes."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

FLEET, USUAL = "this fleet", "the usual way"
PROCESSES = (1, 2, 4, 8, 16, 32)
DELAYS_MS = (5, 20, 50)

# Trades a transaction. The table of waiting uses small batches: with the default of 1,000 sixteen
# processes would ask for more than two cores can do, and the table would show the cores instead.
SMALL_BATCH = 50
DEFAULT_BATCH = 1000
SINGLE = 1


class SampleSpec(NamedTuple):
    """How trades are spread over partitions."""

    name: str
    partitions: int
    skew: float  # Zipf's exponent; 0: even


MIXES = {
    mix.name: mix
    for mix in (
        SampleSpec("many", 1000, 0),
        SampleSpec("few", 8, 0),
        SampleSpec("hot", 1, 0),
        SampleSpec("skewed", 1000, 1.0),
    )
}


class Series(NamedTuple):
    """Cells that belong to one line of the plot."""

    way: str
    mix: str
    batch: int  # trades a transaction, at most


class Cell(NamedTuple):
    """What is measured at once."""

    series: Series
    delay_ms: int
    processes: int


# What the targets are about, and beside it the same for the usual way.
SERIES = (
    Series(FLEET, "many", SMALL_BATCH),
    Series(FLEET, "few", SMALL_BATCH),
    Series(FLEET, "skewed", SMALL_BATCH),
    Series(FLEET, "hot", DEFAULT_BATCH),
    Series(FLEET, "many", DEFAULT_BATCH),
    Series(FLEET, "hot", SINGLE),
    Series(USUAL, "many", SINGLE),
    Series(USUAL, "few", SINGLE),
    Series(USUAL, "skewed", SINGLE),
    Series(USUAL, "hot", SINGLE),
)
FULL_DELAY_MS = 20  # the one delay at which the row with default batches shows where cores are full


def cells(
    delays: Iterable[int], processes: Sequence[int], mixes: Sequence[str], ways: Sequence[str]
) -> list[Cell]:
    """Return the cells to measure; those that can share running workers stand together."""
    chosen = [s for s in SERIES if s.mix in mixes and s.way in ways]
    grid = [
        Cell(series, delay, number)
        for series in chosen
        for number in processes
        for delay in sorted(delays)
        if _belongs(series, delay, number)
    ]
    return sorted(grid, key=lambda cell: (cell.series.way, cell.series.batch, cell.processes))


def _belongs(series: Series, delay_ms: int, processes: int) -> bool:
    if series == Series(FLEET, "hot", SINGLE):
        return processes == 1  # the rate that the hot partition is compared with
    if series == Series(FLEET, "many", DEFAULT_BATCH):
        return delay_ms == FULL_DELAY_MS
    return True


class Measured(NamedTuple):
    """What a cell came to."""

    cell: Cell
    trades: int
    seconds: float
    inversions: int
    gaps: int  # places in the ledger's order of a partition at which a trade is missing

    @property
    def rate(self) -> float:
        """Trades a second."""
        return self.trades / self.seconds if self.seconds else 0.0
