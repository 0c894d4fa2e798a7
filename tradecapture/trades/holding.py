"""The holding: what a partition's captured trades add up to, in exact decimals."""

from collections.abc import Mapping
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple

import msgspec

from tradecapture.trades.trade import Measure, TradeLot

# A product of two values of 28 digits has 56 digits; the rest is room for a sum of 10^20 of them.
# If a sum ever does not fit, Inexact stops the capture instead of rounding.
EXACT = Context(prec=76, traps=[Inexact, InvalidOperation])

CURRENCY_LETTERS = 3  # ISO 4217: three capital letters
ZERO = Decimal(0)
NO_UNIT = "UNITS"  # the unit of a quantity that names none

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(dict[str, Decimal])


class Holding(NamedTuple):
    """Sums over the captured trades of a partition, by unit."""

    net_quantity: Decimal = ZERO  # of all quantities that are not money
    quantities: Mapping[str, Decimal] = {}  # unit -> sum of quantities
    notionals: Mapping[str, Decimal] = {}  # currency -> sum of quantity x price
    last_trade_date: date | None = None  # the latest trade date


class Tally:
    """Adds trades to a holding; the holding that it starts from is not changed."""

    def __init__(self, holding: Holding) -> None:
        self._net = holding.net_quantity
        self._quantities, self._notionals = dict(holding.quantities), dict(holding.notionals)
        self._last_trade_date = holding.last_trade_date

    def add(self, lots: tuple[TradeLot, ...], trade_date: date) -> None:
        """Add one trade's lots.

        The prices of a lot belong to its quantities in the same order; a single price to all.

        Raises:
            decimal.Inexact: a sum has more than 76 digits.
        """
        plus, quantities, notionals = EXACT.add, self._quantities, self._notionals
        for lot in lots:
            for pair in lot.price_quantity:
                prices = pair.price
                for index, quantity in enumerate(pair.quantity):
                    value = quantity.value
                    unit, is_currency = unit_of(quantity)
                    quantities[unit] = plus(quantities.get(unit, ZERO), value)
                    if not is_currency:
                        self._net = plus(self._net, value)
                    if index < len(prices) or len(prices) == 1:
                        price = prices[index if len(prices) > 1 else 0]
                        currency, _ = unit_of(price)
                        notional = EXACT.multiply(value, price.value)
                        notionals[currency] = plus(notionals.get(currency, ZERO), notional)
        if self._last_trade_date is None or trade_date > self._last_trade_date:
            self._last_trade_date = trade_date

    def holding(self) -> Holding:
        """Return the holding with all added trades."""
        return Holding(
            self._net, dict(self._quantities), dict(self._notionals), self._last_trade_date
        )


def encode_sums(sums: Mapping[str, Decimal]) -> str:
    """Return sums by unit as JSON, with all digits and no exponents: {"Shares": "1000"}."""
    return _encoder.encode({unit: format(number, "f") for unit, number in sums.items()}).decode()


def decode_sums(text: str) -> Mapping[str, Decimal]:
    """Return the sums that `encode_sums` wrote."""
    return _decoder.decode(text)


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
