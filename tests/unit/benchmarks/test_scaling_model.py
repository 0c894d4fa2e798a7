"""The scaling model: what holds for its predictions, whatever the costs are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling.cell import FLEET, MIXES, SMALL_BATCH, USUAL, Cell, Series
from benchmarks.scaling.costs import Footprint
from benchmarks.scaling.extrapolation import facts, parts
from benchmarks.scaling.model import Machine, predict, shares_of, throughput
from tests.support.deployment.scaling_results import COSTS, COSTS_OF, FOOTPRINT, MACHINE

DAY_SECONDS = 86_400
seconds = st.floats(1e-4, 1.0)
demands = st.lists(st.floats(1e-6, 0.1), min_size=1, max_size=5)


def rate(variant: str, mix: str, processes: int, delay: float, cores: int = 2) -> float:
    """Return a predicted rate of a small batch."""
    batch = SMALL_BATCH if variant == FLEET else 1
    cell = Cell(Series(variant, mix, batch), 0, processes)
    return predict(cell, COSTS_OF[variant], delay, Machine(cores)).rate


@given(st.integers(1, 40), seconds, demands)
def test_throughput_has_its_bounds(customers: int, think: float, demands: list[float]) -> None:
    """At most N customers without a queue, at most the slowest server, at least one customer."""
    rounds = throughput(customers, think, demands)
    total = think + sum(demands)
    assert rounds <= min(customers / total, 1 / max(demands)) * (1 + 1e-9)
    assert rounds >= 1 / total * (1 - 1e-9)


@given(st.integers(1, 40), seconds, demands)
def test_one_more_customer_never_slows_the_others_down(
    customers: int, think: float, demands: list[float]
) -> None:
    """Throughput does not fall as customers are added."""
    more = throughput(customers + 1, think, demands)
    assert more >= throughput(customers, think, demands) * (1 - 1e-9)


def test_two_customers_of_two_equal_servers() -> None:
    """The textbook case: N customers of M equal servers get N / ((N + M - 1) demand)."""
    assert throughput(2, 0, [1.0, 1.0]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("variant", [FLEET, USUAL])
@pytest.mark.parametrize("mix", list(MIXES))
def test_a_longer_delay_never_helps(variant: str, mix: str) -> None:
    """For every mix, variant and number of processes, a longer delay lowers the rate."""
    for processes in (1, 4, 32):
        slow, fast = (rate(variant, mix, processes, delay) for delay in (0.05, 0.005))
        assert slow < fast


def test_waiting_scales_linearly_and_computing_does_not() -> None:
    """With a long delay 16 processes do 16 times as much; without a delay they fill the cores."""
    assert rate(FLEET, "many", 16, 0.5) > 0.97 * 16 * rate(FLEET, "many", 1, 0.5)
    assert rate(FLEET, "many", 16, 0.0) < 3 * rate(FLEET, "many", 1, 0.0)
    assert rate(FLEET, "many", 16, 0.0, cores=64) > 3 * rate(FLEET, "many", 16, 0.0)


def test_partitions_bound_both_variants() -> None:
    """Eight partitions keep eight workers of the fleet busy, and fewer of the usual way."""
    delay = 0.5  # so long that only partitions matter
    assert rate(FLEET, "few", 32, delay) == rate(FLEET, "few", 8, delay)
    assert rate(FLEET, "hot", 32, delay) == rate(FLEET, "hot", 1, delay)
    one = rate(USUAL, "few", 1, delay)
    assert 4 * one < rate(USUAL, "few", 8, delay) < 6 * one
    assert rate(USUAL, "hot", 32, delay) == pytest.approx(rate(USUAL, "hot", 1, delay), rel=0.05)


@pytest.mark.parametrize("mix", list(MIXES))
def test_shares_are_shares(mix: str) -> None:
    """The shares of a mix add up to 1, the hottest partition first."""
    shares = shares_of(mix)
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


def test_the_part_that_fills_first_is_at_the_top() -> None:
    """With more memory for each id, Redis' memory moves to the top; nothing else changes."""
    usual = parts(COSTS, FOOTPRINT, DAY_SECONDS)
    servers = [part.needed for part in usual[:-2]]
    assert servers == sorted(servers, reverse=True)
    huge = parts(COSTS, Footprint(900, 1e6, 28e-6), DAY_SECONDS)
    assert "memory" in huge[0].name
    assert {part.name for part in huge} == {part.name for part in usual}


def test_a_burst_needs_more_than_a_mean_day() -> None:
    """10^9 trades a day are 11,574 a second, and eight times that in a burst."""
    values = dict(facts(COSTS, FOOTPRINT, pool_size=2))
    assert round(values["mean, trades/s"]) == 11_574
    assert round(values["burst, trades/s"]) == 92_593
    assert values["ledger, TB a day"] == pytest.approx(1.3)
    assert MACHINE.cores == 2
