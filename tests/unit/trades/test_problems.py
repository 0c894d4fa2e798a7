"""Problems of a value's type, in words that say what to give."""

from typing import Any

import pytest

from tests.support.builders import trade
from tradecapture.trades.problems import Problem, type_problems
from tradecapture.trades.trade import Trade


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tradeId", 5, "must be text, not a whole number"),
        ("tradeId", None, "must be text, not null"),
        ("tradeId", "", "must not be empty"),
        ("tradeId", "x" * 101, "must have at most 100 characters"),
        ("source", "FAX", "must be AUTOMATED or MANUAL"),
        ("source", 5, "must be AUTOMATED or MANUAL"),
        ("sequenceNumber", 0, "must be at least 1"),
        ("sequenceNumber", "1", "must be a whole number, not text"),
        ("metadata", [], "must be an object, not an array"),
        ("tradeLots", [], "must not be empty"),
        ("tradeLots", {}, "must be an array, not an object"),
    ],
)
def test_a_wrong_type_is_told_in_words(name: str, value: Any, message: str) -> None:
    """Each message says what to give, without terms of a programming language."""
    assert list(type_problems(trade(**{name: value}), Trade)) == [Problem(f"$.{name}", message)]


@pytest.mark.parametrize("text", ["1_000", " 1", "1 ", "+1", ".5", "1.", "NaN", "Infinity", "abc"])
def test_text_that_is_no_json_number_is_left_to_the_rules(text: str) -> None:
    """Text that only Python's decimals would read is one problem, not two."""
    document = trade()
    document["tradeLots"][0]["priceQuantity"][0]["quantity"][0]["value"] = text
    assert list(type_problems(document, Trade)) == []
