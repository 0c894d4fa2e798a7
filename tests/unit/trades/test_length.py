"""Lengths are counted in UTF-16 units, as SQL Server, Java and JavaScript count them."""

import pytest
from hypothesis import given

from tests.support.builders.strategies import texts
from tradecapture.operations import Action, reason_problems
from tradecapture.trades.partition import is_partition_key
from tradecapture.trades.trade import is_trade_id, utf16_length

FOX = "\U0001f98a"


@given(texts)
def test_a_length_is_that_of_the_text_in_utf_16(text: str) -> None:
    """A unit has two bytes."""
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "length"), [("", 0), ("abc", 3), ("é本\uffff", 3), (FOX, 2), ("\ud83e", 1)]
)
def test_what_is_above_the_first_plane_counts_twice(text: str, length: int) -> None:
    """Half of such a character, which is not valid text, counts as one."""
    assert utf16_length(text) == length


def test_no_id_is_looked_up_that_cannot_be_there() -> None:
    """The database would cut a longer id to the length of its column and find another trade."""
    assert is_trade_id(FOX * 50)
    assert not is_trade_id(FOX * 50 + "x")
    assert is_partition_key("_".join([FOX * 50] * 3))
    assert not is_partition_key("_".join([FOX * 51] * 3))


def test_an_operators_name_fits_into_the_audit() -> None:
    """Its column has room for a hundred units."""
    assert reason_problems(FOX * 50, "why", Action.PAUSE) == []
    assert [field for field, _what in reason_problems(FOX * 51, "why", Action.PAUSE)] == ["by"]
