"""The plot: trades a second against processes, one panel a mix."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.scaling.cell import FLEET, MIXES, PROCESSES, SERIES, Series
from benchmarks.scaling.model_errors import prediction_errors
from benchmarks.scaling.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1b9e77", "#7570b3", "#d95f02", "#666666")  # one a delay; distinct in grey too
INCHES = (11.0, 8.5)
PANELS = (2, 2)


def draw(results: Results, path: Path) -> None:
    """Write the plot as SVG; the same results give the same bytes."""
    # Text stays text: smaller, readable by machines, and the same on every machine.
    with mpl.rc_context({"svg.hashsalt": "tradecapture", "svg.fonttype": "none"}):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots(*PANELS, sharex=True, sharey=True).flat
        for panel, mix in zip(axes, MIXES, strict=True):
            _panel(panel, results, mix)
        axes[0].legend(fontsize=8)
        figure.supxlabel("worker processes")
        figure.supylabel("trades a second")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _panel(axes: "Axes", results: Results, mix: str) -> None:
    partitions = MIXES[mix].partitions
    batch = _shown(mix, FLEET)
    axes.set_title(f"{mix} (partitions: {partitions:,}; batches: {batch:,})")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(PROCESSES, [str(number) for number in PROCESSES])
    axes.grid(visible=True, which="major", linewidth=0.4)
    for colour, delay in zip(COLOURS, results.delays, strict=False):
        for series in SERIES:
            if series.mix == mix and series.batch == _shown(mix, series.variant):
                _line(axes, results, series, delay, colour)


def _line(axes: "Axes", results: Results, series: Series, delay_ms: int, colour: str) -> None:
    is_fleet = series.variant == FLEET
    style: dict[str, Any] = {"color": colour, "markersize": 4}
    points = [
        (error.cell.processes, error.measured, error.predicted.rate)
        for error in prediction_errors(results)
        if error.cell.series == series and error.cell.delay_ms == delay_ms
    ]
    if not points:
        return
    processes, measured, predicted = zip(*sorted(points), strict=True)
    axes.plot(
        processes,
        measured,
        marker="o" if is_fleet else "x",
        linestyle="-" if is_fleet else "--",
        label=f"{series.variant}, {delay_ms} ms",
        **style,
    )
    axes.plot(processes, predicted, linestyle=":", linewidth=0.9, color=colour)


def _shown(mix: str, variant: str) -> int:
    """Return the batch size that is shown of a mix: the first that the series name."""
    return next(series.batch for series in SERIES if (series.mix, series.variant) == (mix, variant))
