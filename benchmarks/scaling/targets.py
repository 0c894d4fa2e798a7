"""The targets of the scaling table, and which of them a run reached."""

from typing import NamedTuple

from benchmarks.scaling.cell import DEFAULT_BATCH, FLEET, SINGLE, SMALL_BATCH, USUAL, Series
from benchmarks.scaling.results import Results

LINEAR_SHARE = 0.9  # of linear scaling, at these processes and this delay
LINEAR_PROCESSES = 16
LINEAR_DELAY_MS = 20
HOT_RATIO = 50.0  # one hot partition with batches, to one trade a transaction

MANY = Series(FLEET, "many", SMALL_BATCH)
HOT = Series(FLEET, "hot", DEFAULT_BATCH)
HOT_SINGLE = Series(FLEET, "hot", SINGLE)
HOT_USUAL = Series(USUAL, "hot", SINGLE)


class TargetResult(NamedTuple):
    """A measured value and its target."""

    what: str
    value: float
    target: float
    as_percent: bool = False

    @property
    def reached(self) -> bool:
        """Whether the target was reached."""
        return self.value >= self.target

    def text(self, value: float) -> str:
        """Return a value in the unit of this target."""
        return f"{value:.0%}" if self.as_percent else f"{value:,.0f} times"


def linear_share(results: Results, series: Series, delay_ms: int, processes: int) -> float | None:
    """Return a rate divided by (processes x the rate of one process); None: not measured."""
    one = results.rate(series, delay_ms, 1)
    many = results.rate(series, delay_ms, processes)
    return many / (one * processes) if one and many else None


def target_results(results: Results) -> list[TargetResult]:
    """Return the targets whose cells were measured."""
    targets = []
    share = linear_share(results, MANY, LINEAR_DELAY_MS, LINEAR_PROCESSES)
    if share is not None:
        what = f"{LINEAR_PROCESSES} processes on many partitions at {LINEAR_DELAY_MS} ms, of linear"
        targets.append(TargetResult(what, share, LINEAR_SHARE, as_percent=True))
    for delay in results.delays:
        # Compared with the better of the two variants.
        singles = [results.rate(series, delay, 1) or 0.0 for series in (HOT_SINGLE, HOT_USUAL)]
        hot = results.rate(HOT, delay, 1)
        if hot and max(singles):
            what = (
                f"one hot partition to one trade a transaction, both by one process, at {delay} ms"
            )
            targets.append(TargetResult(what, hot / max(singles), HOT_RATIO))
    return targets


def in_order(results: Results) -> bool:
    """Return whether the fleet kept the order in every cell; the usual way does not count."""
    fleet = [result for result in results.cells if result.cell.series.variant == FLEET]
    return all(result.inversions == result.gaps == 0 for result in fleet)
