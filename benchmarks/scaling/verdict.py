"""The verdicts: what was to be reached, and what was."""

from statistics import median
from typing import NamedTuple

from benchmarks.scaling.cell import DEFAULT_BATCH, FLEET, SINGLE, SMALL_BATCH, USUAL, Cell, Series
from benchmarks.scaling.model import Prediction, predict
from benchmarks.scaling.results import Results

LINEAR_SHARE = 0.9  # of linear, at
LINEAR_PROCESSES = 16
LINEAR_DELAY_MS = 20
HOT_RATIO = 50.0  # of one hot partition to one trade a transaction

MANY = Series(FLEET, "many", SMALL_BATCH)
HOT = Series(FLEET, "hot", DEFAULT_BATCH)
HOT_SINGLE = Series(FLEET, "hot", SINGLE)
HOT_USUAL = Series(USUAL, "hot", SINGLE)


class Verdict(NamedTuple):
    """One target."""

    what: str
    value: float
    target: float
    as_percent: bool = False

    @property
    def reached(self) -> bool:
        """Whether it was reached."""
        return self.value >= self.target

    def text(self, value: float) -> str:
        """Return a value as it is shown."""
        return f"{value:.0%}" if self.as_percent else f"{value:,.0f} times"


class Error(NamedTuple):
    """A prediction beside what was measured."""

    cell: Cell
    measured: float  # trades a second
    predicted: Prediction

    @property
    def share(self) -> float:
        """By how much the prediction is too high, as a share of what was measured."""
        return self.predicted.rate / self.measured - 1


def linear_share(results: Results, series: Series, delay_ms: int, processes: int) -> float | None:
    """Return a rate as a share of so many times the rate of one process."""
    one = results.rate(series, delay_ms, 1)
    many = results.rate(series, delay_ms, processes)
    return many / (one * processes) if one and many else None


def verdicts(results: Results) -> list[Verdict]:
    """Return what can be said of the targets from what was measured."""
    found = []
    share = linear_share(results, MANY, LINEAR_DELAY_MS, LINEAR_PROCESSES)
    if share is not None:
        what = f"{LINEAR_PROCESSES} processes on many partitions at {LINEAR_DELAY_MS} ms, of linear"
        found.append(Verdict(what, share, LINEAR_SHARE, as_percent=True))
    for delay in results.delays:
        # The better one of both ways to do it.
        singles = [results.rate(series, delay, 1) or 0.0 for series in (HOT_SINGLE, HOT_USUAL)]
        hot = results.rate(HOT, delay, 1)
        if hot and max(singles):
            what = (
                f"one hot partition to one trade a transaction, both by one process, at {delay} ms"
            )
            found.append(Verdict(what, hot / max(singles), HOT_RATIO))
    return found


def in_order(results: Results) -> bool:
    """Whether the fleet kept the order in every cell; that the usual way does not is a finding."""
    ours = [measured for measured in results.measured if measured.cell.series.way == FLEET]
    return all(measured.inversions == measured.gaps == 0 for measured in ours)


def errors(results: Results) -> list[Error]:
    """Return each cell's prediction beside what was measured."""
    return [
        Error(
            measured.cell,
            measured.rate,
            predict(
                measured.cell,
                results.costs[measured.cell.series.way],
                results.delays[measured.cell.delay_ms],
                results.machine,
            ),
        )
        for measured in results.measured
        if measured.rate
    ]


def median_and_worst(found: list[Error]) -> tuple[float, Error]:
    """Return the median of the errors' sizes, and the error that is largest."""
    return median(abs(error.share) for error in found), max(found, key=lambda e: abs(e.share))
