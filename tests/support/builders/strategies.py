"""Hypothesis strategies: JSON of every kind, junk inside nearly valid trades, exact decimals."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.support.builders import trade
from tradecapture.trades.validation import MAX_DECIMALS, MAX_DIGITS

# As msgspec decodes JSON here: numbers with a point or an exponent are decimals.
json_numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
json_texts = st.text() | st.sampled_from(["", " ", "NaN", "sNaN", "Infinity", "1E+9999999", "1_0"])
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | json_numbers | json_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

# Every decimal that the contract lets through: 28 digits, 8 of them decimals.
exact_values = st.integers(-(10**MAX_DIGITS - 1), 10**MAX_DIGITS - 1).map(
    lambda units: Decimal(units).scaleb(-MAX_DECIMALS)
) | st.decimals(-1000, 1000, places=4)

# What people type: letters of all alphabets, emoji, quotes, backslashes, but no surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
printable = texts.map(lambda text: "".join(c for c in text if c.isprintable()).strip())
ids = printable.filter(bool)


@st.composite
def nearly_valid_trades(draw: st.DrawFn) -> Any:
    """Draw a valid trade in which one place, however deep, holds junk or is gone."""
    document = trade(
        metadata={"strategy": "LONG"}, bookingTimestamp="2026-01-15T09:30:00Z", sequenceNumber=3
    )
    places = list(_places(document))
    container, name = draw(st.sampled_from(places))
    if draw(st.integers(0, 4)) == 0:
        del container[name]
    else:
        container[name] = draw(json_values)
    return document


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in items:
        yield value, name
        if isinstance(inner, dict | list):
            yield from _places(inner)
