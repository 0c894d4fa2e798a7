"""The simulated worker: as fast as the one that `make scaling` measured, from the same file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.autoscaling.costs import (
    MARGIN,
    STANDS_FOR,
    Costs,
    costs_of,
    measured,
    measured_per_second,
)
from benchmarks.autoscaling.manifest import read_deployed
from benchmarks.autoscaling.report import facts
from benchmarks.scaling.cell import FLEET
from benchmarks.scaling.model import predict

PAGE = Path(__file__).parents[3] / "docs" / "kubernetes.md"


@pytest.fixture
def costs() -> Costs:
    """The costs that the simulation reckons with."""
    return costs_of(read_deployed().settings)


def test_a_simulated_process_captures_as_much_as_a_measured_one(
    costs: Costs, figure: Callable[[str], None]
) -> None:
    """Its costs are of a run without a delay; with one, the measured rate is within the margin."""
    assert (costs.batch_trades, STANDS_FOR.processes) == (STANDS_FOR.series.batch, 1)
    simulated = costs.most_per_second
    figure(f"simulated process: {simulated / measured_per_second():.0%} of the measured one")
    assert simulated == pytest.approx(measured_per_second(), rel=MARGIN)


def test_the_simulation_and_the_scaling_model_agree(costs: Costs) -> None:
    """They have the costs in common; the model adds processor that is used side by side."""
    results = measured()
    delay = results.delays[STANDS_FOR.delay_ms]
    predicted = predict(STANDS_FOR, results.costs[FLEET], delay, results.machine).rate
    assert costs.most_per_second == pytest.approx(predicted, rel=0.02)


def test_small_claims_take_more_processor_a_trade(costs: Costs) -> None:
    """One claim a trade where little comes, full claims where a process is never free."""
    capture, most = costs.capture, costs.most_per_second
    alone = capture.worker.of(1)
    assert costs.cpu_seconds(1, processes=8) == pytest.approx(alone)
    full = most / costs.batch_trades * capture.worker.of(costs.batch_trades)
    assert costs.cpu_seconds(most, processes=1) == pytest.approx(full)
    assert full / most < alone


def test_the_page_shows_the_worker_and_the_limits_of_today() -> None:
    """Whoever measures anew, or changes a limit, runs `make autoscaling` too."""
    assert facts(read_deployed()) in PAGE.read_text(encoding="utf-8")
