"""The plot: pods over the day by each metric, and the arriving trades."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.autoscaling.arrivals import DAY_SECONDS, HOUR_SECONDS
from benchmarks.autoscaling.report import DayResults
from benchmarks.autoscaling.scenarios import DAYS, TITLES

# The first line is the widest, so that lines on top of each other stay visible.
LINES = (("#1b9e77", 5.0), ("#7570b3", 3.5), ("#d95f02", 1.8), ("#333333", 1.0))
INCHES = (11.0, 10.0)


def corners(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the hours at which the value of a second changes, and the value from then on."""
    changes = [
        second
        for second, value in enumerate(values)
        if second == 0 or value != values[second - 1] or second == len(values) - 1
    ]
    return [second / HOUR_SECONDS for second in changes], [values[second] for second in changes]


def draw(results: DayResults, path: Path) -> None:
    """Write the plot as SVG; the same results give the same bytes."""
    with mpl.rc_context({"svg.hashsalt": "tradecapture", "svg.fonttype": "none"}):
        figure = Figure(figsize=INCHES, layout="constrained")
        panels = figure.subplots(len(results), 1, sharex=True)
        for panel, (day, by_metric) in zip(panels, results.items(), strict=True):
            panel.set_title(TITLES[day], fontsize=10)
            panel.set_ylabel("pods")
            arriving = panel.twinx()
            arriving.set_ylabel("trades/s arriving")
            rates = [sum(s.rate(second) for s in DAYS[day]) for second in range(DAY_SECONDS)]
            hours, heights = corners(rates)
            arriving.fill_between(hours, heights, color="#dddddd", step="post", linewidth=0)
            arriving.set_ylim(0, None)
            panel.set_zorder(1)
            panel.patch.set_visible(False)
            for (colour, width), (name, result) in zip(LINES, by_metric.items(), strict=True):
                style: dict[str, Any] = {
                    "color": colour,
                    "linewidth": width,
                    "drawstyle": "steps-post",
                }
                panel.plot(*corners(result.pods), label=name, **style)
            panel.set_ylim(0, 1.2 * max(max(result.pods) for result in by_metric.values()))
        panels[0].legend(fontsize=8, loc="upper right")
        panels[-1].set_xticks(range(0, 25, 2))
        panels[-1].set_xlabel("hour of the day, UTC")
        figure.savefig(path, format="svg", metadata={"Date": None})
