"""The model: what must hold of its predictions, whatever the costs are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling.cell import FLEET, MIXES, SMALL_BATCH, USUAL, Cell, Series
from benchmarks.scaling.costs import Footprint
from benchmarks.scaling.growth import facts, parts
from benchmarks.scaling.model import Machine, predict, shares_of, throughput
from tests.support.deployment.scaling_results import COSTS, COSTS_OF, FOOTPRINT, MACHINE

DAY_SECONDS = 86_400
seconds = st.floats(1e-4, 1.0)
demands = st.lists(st.floats(1e-6, 0.1), min_size=1, max_size=5)


def rate(way: str, mix: str, processes: int, delay: float, cores: int = 2) -> float:
    """Return a predicted rate of a small batch."""
    batch = SMALL_BATCH if way == FLEET else 1
    cell = Cell(Series(way, mix, batch), 0, processes)
    return predict(cell, COSTS_OF[way], delay, Machine(cores)).rate


@given(st.integers(1, 40), seconds, demands)
def test_throughput_has_its_bounds(customers: int, think: float, demands: list[float]) -> None:
    """No more than all of them without a line, nor than the slowest server; no less than one."""
    found = throughput(customers, think, demands)
    total = think + sum(demands)
    assert found <= min(customers / total, 1 / max(demands)) * (1 + 1e-9)
    assert found >= 1 / total * (1 - 1e-9)


@given(st.integers(1, 40), seconds, demands)
def test_one_more_customer_never_slows_the_others_down(
    customers: int, think: float, demands: list[float]
) -> None:
    """Throughput does not fall as customers come."""
    more = throughput(customers + 1, think, demands)
    assert more >= throughput(customers, think, demands) * (1 - 1e-9)


def test_two_customers_of_two_equal_servers() -> None:
    """The textbook case: N customers of M equal servers get N / ((N + M - 1) demand)."""
    assert throughput(2, 0, [1.0, 1.0]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("way", [FLEET, USUAL])
@pytest.mark.parametrize("mix", list(MIXES))
def test_a_longer_delay_never_helps(way: str, mix: str) -> None:
    """Nor does any number of processes make up for one that does not fit the partitions."""
    for processes in (1, 4, 32):
        slow, quick = (rate(way, mix, processes, delay) for delay in (0.05, 0.005))
        assert slow < quick


def test_waiting_scales_linearly_and_computing_does_not() -> None:
    """A long delay: sixteen processes do sixteen times as much; none: they fill the cores."""
    assert rate(FLEET, "many", 16, 0.5) > 0.97 * 16 * rate(FLEET, "many", 1, 0.5)
    assert rate(FLEET, "many", 16, 0.0) < 3 * rate(FLEET, "many", 1, 0.0)
    assert rate(FLEET, "many", 16, 0.0, cores=64) > 3 * rate(FLEET, "many", 16, 0.0)


def test_partitions_bound_both_ways() -> None:
    """Eight partitions keep eight workers of the fleet busy, and fewer of the usual way's."""
    delay = 0.5  # so that nothing but partitions matters
    assert rate(FLEET, "few", 32, delay) == rate(FLEET, "few", 8, delay)
    assert rate(FLEET, "hot", 32, delay) == rate(FLEET, "hot", 1, delay)
    one = rate(USUAL, "few", 1, delay)
    assert 4 * one < rate(USUAL, "few", 8, delay) < 6 * one
    assert rate(USUAL, "hot", 32, delay) == pytest.approx(rate(USUAL, "hot", 1, delay), rel=0.05)


@pytest.mark.parametrize("mix", list(MIXES))
def test_shares_are_shares(mix: str) -> None:
    """They are together all of the trades, the most traded partition first."""
    shares = shares_of(mix)
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


def test_the_part_that_fills_first_stands_at_the_top() -> None:
    """More memory an id moves Redis's memory up; nothing else changes."""
    found = parts(COSTS, FOOTPRINT, DAY_SECONDS)
    servers = [part.needed for part in found[:-2]]
    assert servers == sorted(servers, reverse=True)
    huge = parts(COSTS, Footprint(900, 1e6, 28e-6), DAY_SECONDS)
    assert "memory" in huge[0].name
    assert {part.name for part in huge} == {part.name for part in found}


def test_a_burst_needs_more_than_a_mean_day() -> None:
    """A thousand million trades a day are 11,574 a second, and eight times that in a burst."""
    found = dict(facts(COSTS, FOOTPRINT, pool_size=2))
    assert round(found["mean, trades/s"]) == 11_574
    assert round(found["burst, trades/s"]) == 92_593
    assert found["ledger, TB a day"] == pytest.approx(1.3)
    assert MACHINE.cores == 2
