"""The holding: exact sums by unit, the same in whatever order the trades come."""

import random
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, Inexact
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders.strategies import exact_values
from tradecapture.trades.holding import Holding, Tally, decode_sums, encode_sums, unit_of
from tradecapture.trades.trade import Measure, PriceQuantity, TradeLot, Unit

DAY = date(2026, 1, 15)

units = st.sampled_from([Unit(financial_unit="Shares"), Unit(currency="USD"), "EUR", "Bonds", None])
measures = st.builds(Measure, exact_values, units)
pairs = st.builds(
    PriceQuantity,
    st.lists(measures, min_size=1, max_size=3).map(tuple),
    st.lists(measures, max_size=3).map(tuple),
)
lots = st.lists(pairs, min_size=1, max_size=2).map(lambda found: (TradeLot(tuple(found)),))
days = st.dates(date(2020, 1, 1), date(2030, 1, 1))
trades = st.lists(st.tuples(lots, days), max_size=6)

Added = tuple[tuple[TradeLot, ...], date]


def total(added: Iterable[Added], start: Holding | None = None) -> Holding:
    """Return a holding with the lots of some trades added."""
    tally = Tally(start or Holding())
    for traded, day in added:
        tally.add(traded, day)
    return tally.holding()


def one_lot(quantities: Iterable[Measure], prices: Iterable[Measure] = ()) -> tuple[TradeLot, ...]:
    """Return a single lot."""
    return (TradeLot((PriceQuantity(tuple(quantities), tuple(prices)),)),)


@given(trades, st.randoms(use_true_random=False))
def test_the_order_of_trades_does_not_change_the_sums(
    added: list[Added], shuffle: random.Random
) -> None:
    """Every order gives the same holding, to the last digit."""
    other = list(added)
    shuffle.shuffle(other)
    assert total(other) == total(added)


@given(trades, st.integers(0, 6))
def test_a_batch_may_end_anywhere(added: list[Added], cut: int) -> None:
    """Two batches one after the other give what one batch gives."""
    assert total(added[cut:], total(added[:cut])) == total(added)


@given(st.lists(exact_values, min_size=1, max_size=20))
def test_the_net_quantity_is_exact(values: list[Decimal]) -> None:
    """The sum is what exact arithmetic says, whatever the sizes."""
    lot = one_lot(Measure(value, "Shares") for value in values)
    assert Fraction(total([(lot, DAY)]).net_quantity) == sum(map(Fraction, values))


@given(exact_values, exact_values)
def test_a_notional_is_exact(quantity: Decimal, price: Decimal) -> None:
    """Quantity times price, with all of its up to 56 digits."""
    lot = one_lot([Measure(quantity, "Shares")], [Measure(price, Unit(currency="USD"))])
    holding = total([(lot, DAY)])
    assert Fraction(holding.notionals["USD"]) == Fraction(quantity) * Fraction(price)


def test_money_is_no_net_quantity() -> None:
    """Amounts of a currency are summed by currency, and not mixed with shares."""
    lot = one_lot([Measure(Decimal(5), "Shares"), Measure(Decimal("2.5"), "USD")])
    holding = total([(lot, DAY), (lot, DAY)])
    assert holding.net_quantity == 10
    assert holding.quantities == {"Shares": 10, "USD": 5}
    assert holding.notionals == {}


def test_prices_belong_to_quantities_in_order() -> None:
    """The first price to the first quantity; one without a price has no notional."""
    quantities = [Measure(Decimal(n), "Shares") for n in (1, 10, 100)]
    prices = [Measure(Decimal(2), "USD"), Measure(Decimal(3), "EUR")]
    assert total([(one_lot(quantities, prices), DAY)]).notionals == {"USD": 2, "EUR": 30}


def test_a_single_price_belongs_to_all_quantities() -> None:
    """One price beside three quantities prices all three."""
    quantities = [Measure(Decimal(n), "Shares") for n in (1, 10, 100)]
    assert total([(one_lot(quantities, [Measure(Decimal(2), "USD")]), DAY)]).notionals == {
        "USD": 222
    }


def test_the_latest_trade_date_is_kept() -> None:
    """A late booking does not turn the date back."""
    lot = one_lot([Measure(Decimal(1), "Shares")])
    early, late = date(2026, 1, 2), date(2026, 1, 9)
    assert total([(lot, late), (lot, early)]).last_trade_date == late


def test_what_was_added_to_stays_as_it_is() -> None:
    """A tally never changes the holding that it was made from."""
    lot = one_lot([Measure(Decimal(1), "Shares")], [Measure(Decimal(2), "USD")])
    first = total([(lot, DAY)])
    total([(lot, DAY)], first)
    assert first == Holding(Decimal(1), {"Shares": Decimal(1)}, {"USD": Decimal(2)}, DAY)


def test_a_sum_is_never_rounded() -> None:
    """A sum of more than 76 digits stops the capture instead."""
    start = Holding(net_quantity=Decimal("1E+75"))
    with pytest.raises(Inexact):
        total([(one_lot([Measure(Decimal("0.00000001"), "Shares")]), DAY)], start)


@pytest.mark.parametrize(
    ("unit", "named", "is_currency"),
    [
        (Unit(currency="USD"), "USD", True),
        (Unit(financial_unit="Shares"), "Shares", False),
        (Unit(financial_unit="USD"), "USD", False),
        ("USD", "USD", True),
        ("usd", "usd", False),
        ("USDT", "USDT", False),
        ("U2D", "U2D", False),
        (None, "UNITS", False),
    ],
)
def test_three_capital_letters_are_a_currency(
    unit: Unit | str | None, named: str, is_currency: bool
) -> None:
    """As the contract reads a bare string; an object says which of both it is."""
    assert unit_of(Measure(Decimal(1), unit)) == (named, is_currency)


@given(st.dictionaries(st.text(), exact_values))
def test_sums_survive_their_json(sums: dict[str, Decimal]) -> None:
    """What is written into the partition's row is read back digit for digit, no exponents."""
    text = encode_sums(sums)
    assert decode_sums(text) == sums
    assert all("E" not in str(format(number, "f")) for number in sums.values())
