"""A cell of the scaling table: one variant, mix of partitions, delay and number of processes."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

FLEET, USUAL = "this fleet", "the usual way"  # the variants; the usual way is one task a trade
PROCESSES = (1, 2, 4, 8, 16, 32)
DELAYS_MS = (5, 20, 50)

# Trades a transaction. The table is about waiting, so most rows use small batches: with the default
# of 1,000, sixteen processes would need more than two cores, and the table would show the cores.
SMALL_BATCH = 50
DEFAULT_BATCH = 1000
SINGLE = 1


class PartitionMix(NamedTuple):
    """How trades are spread over partitions."""

    name: str
    partitions: int
    skew: float  # Zipf's exponent; 0: even


MIXES = {
    mix.name: mix
    for mix in (
        PartitionMix("many", 1000, 0),
        PartitionMix("few", 8, 0),
        PartitionMix("hot", 1, 0),
        PartitionMix("skewed", 1000, 1.0),
    )
}


class Series(NamedTuple):
    """Cells that form one line of the plot."""

    variant: str
    mix: str
    batch: int  # trades a transaction, at most


class Cell(NamedTuple):
    """What is measured in one window."""

    series: Series
    delay_ms: int
    processes: int


# The series that the targets are about, and the same for the usual way.
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
FULL_DELAY_MS = 20  # the delay at which the row with default batches shows where the cores are full


def cells(
    delays: Iterable[int], processes: Sequence[int], mixes: Sequence[str], variants: Sequence[str]
) -> list[Cell]:
    """Return the cells to measure. Cells that can share running workers follow each other."""
    chosen = [s for s in SERIES if s.mix in mixes and s.variant in variants]
    grid = [
        Cell(series, delay, number)
        for series in chosen
        for number in processes
        for delay in sorted(delays)
        if _is_measured(series, delay, number)
    ]
    return sorted(grid, key=lambda cell: (cell.series.variant, cell.series.batch, cell.processes))


def _is_measured(series: Series, delay_ms: int, processes: int) -> bool:
    if series == Series(FLEET, "hot", SINGLE):
        return processes == 1  # the rate that the hot partition is compared with
    if series == Series(FLEET, "many", DEFAULT_BATCH):
        return delay_ms == FULL_DELAY_MS
    return True


class CellResult(NamedTuple):
    """What was measured in a cell."""

    cell: Cell
    trades: int
    seconds: float
    inversions: int
    gaps: int  # missing numbers in the ledger sequences of partitions

    @property
    def rate(self) -> float:
        """Trades a second."""
        return self.trades / self.seconds if self.seconds else 0.0
