"""Calibration: the costs of a trade, measured with one process and no delay."""

from collections.abc import Callable

from benchmarks.scaling.backlog import Backlogs
from benchmarks.scaling.cell import DEFAULT_BATCH, FLEET, SINGLE, SMALL_BATCH, USUAL, Cell, Series
from benchmarks.scaling.costs import Costs, Line
from benchmarks.scaling.crew import crew
from benchmarks.scaling.measure import run
from benchmarks.scaling.stage import Stage
from benchmarks.scaling.window import Window

MIX = "many"


def measure_costs(stage: Stage, backlogs: Backlogs, seconds: float) -> dict[str, Costs]:
    """Measure the costs of each way, without a delay and with one process.

    Raises:
        TimeoutError: nothing was captured.
    """
    backlogs.make(MIX)
    stage.proxy.hold_back(0)
    stage.scene.come_to_rest()
    small = _window(stage, backlogs, FLEET, SMALL_BATCH, seconds)
    large = _window(stage, backlogs, FLEET, DEFAULT_BATCH, seconds)
    usual = _window(stage, backlogs, USUAL, SINGLE, seconds)
    return {
        FLEET: _costs(
            lambda cost: _line(
                SMALL_BATCH, cost(small) * SMALL_BATCH, DEFAULT_BATCH, cost(large) * DEFAULT_BATCH
            )
        ),
        USUAL: _costs(lambda cost: Line(cost(usual), 0)),
    }


def _costs(line_of: Callable[[Callable[[Window], float]], Line]) -> Costs:
    def line(name: str) -> Line:
        return line_of(lambda window: window.used[name] / window.trades)

    names = (name for name in Costs._fields if name != "seconds")
    return Costs(
        seconds=line_of(lambda window: window.seconds / window.trades),
        **{name: line(name) for name in names},
    )


def _line(one: float, cost: float, other: float, other_cost: float) -> Line:
    """Return the line through two points; no cost is negative."""
    trade = max(0.0, (other_cost - cost) / (other - one))
    return Line(max(0.0, cost - trade * one), trade)


def _window(stage: Stage, backlogs: Backlogs, way: str, batch: int, seconds: float) -> Window:
    cell = Cell(Series(way, MIX, batch), 0, 1)
    backlogs.remove()
    with crew(stage, way, 1, batch) as workers:
        return run(stage, backlogs, workers, cell, 0.0, seconds, with_costs=True)
