"""The model's errors: each cell's prediction beside the measured rate."""

from statistics import median
from typing import NamedTuple

from benchmarks.scaling.cell import Cell
from benchmarks.scaling.model import Prediction, predict
from benchmarks.scaling.results import Results


class PredictionError(NamedTuple):
    """A prediction beside what was measured."""

    cell: Cell
    measured: float  # trades a second
    predicted: Prediction

    @property
    def share(self) -> float:
        """By how much the prediction is too high, as a share of the measured rate."""
        return self.predicted.rate / self.measured - 1


def prediction_errors(results: Results) -> list[PredictionError]:
    """Return each cell's prediction beside what was measured."""
    return [
        PredictionError(
            result.cell,
            result.rate,
            predict(
                result.cell,
                results.costs[result.cell.series.variant],
                results.delays[result.cell.delay_ms],
                results.machine,
            ),
        )
        for result in results.cells
        if result.rate
    ]


def median_and_worst(errors: list[PredictionError]) -> tuple[float, PredictionError]:
    """Return the median size of errors, and the largest error."""
    return median(abs(error.share) for error in errors), max(errors, key=lambda e: abs(e.share))
