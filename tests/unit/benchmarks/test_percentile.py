"""Percentiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.percentile import Percentiles, percentile

TIMES = st.lists(st.floats(0, 1e6), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (0.07, 7), (1.0, 100), (0.0, 1)]
)
def test_of_a_hundred_values_it_is_the_one_with_that_number(share: float, value: int) -> None:
    """The percentile is a measured value (nearest rank), whatever the order of the values."""
    assert percentile(list(range(100, 0, -1)), share) == value


@given(values=TIMES, percent=st.integers(1, 100))
def test_it_is_the_smallest_value_that_the_share_does_not_exceed(
    values: list[float], percent: int
) -> None:
    """At least this share of the values is not higher, and less than this share is lower."""
    found = percentile(values, percent / 100)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_percentiles_are_in_milliseconds_and_of_nothing_there_are_none() -> None:
    """The input is in seconds; without values there is no figure."""
    assert Percentiles.of([0.001, 0.002, 0.003]) == Percentiles(3, 2.0, 3.0, 3.0, 3.0)
    assert Percentiles.of([]) is None
