"""Calibration: measures the costs of a trade, with one process and no delay."""

from collections.abc import Callable

from benchmarks.scaling.cell import DEFAULT_BATCH, FLEET, SINGLE, SMALL_BATCH, USUAL, Cell, Series
from benchmarks.scaling.costs import Costs, LinearCost
from benchmarks.scaling.measurement.backlog import Backlogs
from benchmarks.scaling.measurement.cells import run
from benchmarks.scaling.measurement.servers import ScalingServers
from benchmarks.scaling.measurement.window import Window
from benchmarks.scaling.measurement.worker_group import run_workers

MIX = "many"

CostOf = Callable[[Window], float]  # the cost of a trade in a window


def measure_costs(servers: ScalingServers, backlogs: Backlogs, seconds: float) -> dict[str, Costs]:
    """Measure the costs of each variant, without a delay and with one process.

    Args:
        servers: to measure on.
        backlogs: of all mixes.
        seconds: length of a window.

    Raises:
        TimeoutError: nothing was captured.
    """
    backlogs.make(MIX)
    servers.proxy.delay(0)
    servers.servers.wait_until_idle()
    small = _window(servers, backlogs, FLEET, SMALL_BATCH, seconds)
    large = _window(servers, backlogs, FLEET, DEFAULT_BATCH, seconds)
    usual = _window(servers, backlogs, USUAL, SINGLE, seconds)
    return {
        FLEET: _costs(
            lambda cost: _through(
                (SMALL_BATCH, cost(small) * SMALL_BATCH),
                (DEFAULT_BATCH, cost(large) * DEFAULT_BATCH),
            )
        ),
        USUAL: _costs(lambda cost: LinearCost(cost(usual), 0)),
    }


def _costs(linear_cost: Callable[[CostOf], LinearCost]) -> Costs:
    def used(name: str) -> LinearCost:
        return linear_cost(lambda window: window.used[name] / window.trades)

    names = (name for name in Costs._fields if name != "seconds")
    return Costs(
        seconds=linear_cost(lambda window: window.seconds / window.trades),
        **{name: used(name) for name in names},
    )


def _through(small: tuple[int, float], large: tuple[int, float]) -> LinearCost:
    """Return the linear cost through two points (trades, cost of a batch); never negative."""
    trade = max(0.0, (large[1] - small[1]) / (large[0] - small[0]))
    return LinearCost(max(0.0, small[1] - trade * small[0]), trade)


def _window(
    servers: ScalingServers, backlogs: Backlogs, variant: str, batch: int, seconds: float
) -> Window:
    cell = Cell(Series(variant, MIX, batch), 0, 1)
    backlogs.remove()
    with run_workers(servers, variant, 1, batch) as workers:
        return run(servers, backlogs, workers, cell, 0.0, seconds, with_costs=True)
