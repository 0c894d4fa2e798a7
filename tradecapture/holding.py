"""The holding: what a partition's captured trades add up to. A pure fold, exact, without a clock."""

from collections.abc import Mapping
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple

from tradecapture.trade import Measure, Trade

# A product of two values of 28 digits has 56; the rest is room for 10^20 of them. Should a sum
# ever not fit, Inexact stops the capture instead of rounding it.
EXACT = Context(prec=76, traps=[Inexact, InvalidOperation])

CURRENCY_LETTERS = 3  # ISO 4217: three capital letters
NO_UNIT = "UNITS"  # the unit of a quantity that names none


class Holding(NamedTuple):
    """What a desk reads of a partition: sums over its captured trades, by unit."""

    net_quantity: Decimal = Decimal(0)  # of all quantities that are no amount of money
    quantities: Mapping[str, Decimal] = {}  # unit -> sum of quantities
    notionals: Mapping[str, Decimal] = {}  # currency -> sum of quantity x price
    last_trade_date: date | None = None  # latest trade date seen


def add_trade(holding: Holding, trade: Trade, trade_date: date) -> Holding:
    """Return the holding after one more trade.

    The prices of a lot belong to its quantities in the same order; a single price belongs to all.

    Raises:
        decimal.Inexact: a sum has more than 76 digits.
    """
    net = holding.net_quantity
    quantities, notionals = dict(holding.quantities), dict(holding.notionals)
    for lot in trade.trade_lots:
        for pair in lot.price_quantity:
            for index, quantity in enumerate(pair.quantity):
                unit, is_currency = unit_of(quantity)
                quantities[unit] = EXACT.add(quantities.get(unit, Decimal(0)), quantity.value)
                if not is_currency:
                    net = EXACT.add(net, quantity.value)
                price = _price_at(pair.price, index)
                if price is not None:
                    currency, _ = unit_of(price)
                    notional = EXACT.multiply(quantity.value, price.value)
                    notionals[currency] = EXACT.add(notionals.get(currency, Decimal(0)), notional)
    latest = max(trade_date, holding.last_trade_date or trade_date)
    return Holding(net, quantities, notionals, latest)


def unit_of(measure: Measure) -> tuple[str, bool]:
    """Return the unit of a measure and whether it is a currency."""
    unit = measure.unit
    if unit is None:
        return NO_UNIT, False
    if isinstance(unit, str):
        return unit, len(unit) == CURRENCY_LETTERS and unit.isalpha() and unit.isupper()
    if unit.currency:
        return unit.currency, True
    return unit.financial_unit or NO_UNIT, False


def _price_at(prices: tuple[Measure, ...], index: int) -> Measure | None:
    if len(prices) == 1:
        return prices[0]
    return prices[index] if index < len(prices) else None
