"""The simulated worker is as fast as the one that `make scaling` measured."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.autoscaling.costs import (
    MARGIN,
    REFERENCE_CELL,
    Costs,
    costs_of,
    measurements,
    reference_per_second,
)
from benchmarks.autoscaling.manifest import read_manifests
from benchmarks.autoscaling.report import facts
from benchmarks.scaling.cell import FLEET
from benchmarks.scaling.model import predict

PAGE = Path(__file__).parents[3] / "docs" / "kubernetes.md"


@pytest.fixture
def costs() -> Costs:
    """The costs that the simulation uses."""
    return costs_of(read_manifests().settings)


def test_a_simulated_process_captures_as_much_as_a_measured_one(
    costs: Costs, figure: Callable[[str], None]
) -> None:
    """Its costs are from a run without a delay; the rate measured with one is within 15 %."""
    assert (costs.batch_trades, REFERENCE_CELL.processes) == (REFERENCE_CELL.series.batch, 1)
    simulated = costs.max_per_second
    figure(f"simulated process: {simulated / reference_per_second():.0%} of the measured one")
    assert simulated == pytest.approx(reference_per_second(), rel=MARGIN)


def test_the_simulation_and_the_scaling_model_agree(costs: Costs) -> None:
    """Both use the same costs, and their rates agree within 2 %."""
    results = measurements()
    delay = results.delays[REFERENCE_CELL.delay_ms]
    predicted = predict(REFERENCE_CELL, results.costs[FLEET], delay, results.machine).rate
    assert costs.max_per_second == pytest.approx(predicted, rel=0.02)


def test_small_claims_take_more_processor_a_trade(costs: Costs) -> None:
    """With few trades each claim has one trade; a process that is never free has full claims."""
    capture, max_rate = costs.capture, costs.max_per_second
    alone = capture.worker.of(1)
    assert costs.cpu_seconds(1, processes=8) == pytest.approx(alone)
    full = max_rate / costs.batch_trades * capture.worker.of(costs.batch_trades)
    assert costs.cpu_seconds(max_rate, processes=1) == pytest.approx(full)
    assert full / max_rate < alone


def test_the_page_shows_the_worker_and_the_limits_of_today() -> None:
    """After a new measurement or another limit, the page needs `make autoscaling`."""
    assert facts(read_manifests()) in PAGE.read_text(encoding="utf-8")
