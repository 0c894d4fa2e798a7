"""The faults: the ways in which a generated trade is made invalid, so that it must be refused."""

from collections.abc import Callable
from decimal import Decimal
from random import Random

from tradecapture.trades.document import Document

Fault = Callable[[Document, Random], None]  # changes a valid trade, in place


def missing_field(trade: Document, random: Random) -> None:
    """Leave out a field that is required."""
    del trade[random.choice(("accountId", "bookId", "source", "tradeDate", "counterpartyIds"))]


def wrong_check_digit(trade: Document, random: Random) -> None:
    """Mistype the last digit of the ISIN."""
    isin = trade["securityId"]
    trade["securityId"] = f"{isin[:-1]}{(int(isin[-1]) + random.randrange(1, 10)) % 10}"


def wrong_type(trade: Document, random: Random) -> None:
    """Give a value of another type, or one that is not in the enumeration."""
    name, value = random.choice(
        (("accountId", 4711), ("counterpartyIds", "CP0001"), ("tradeLots", {}), ("source", "FAX"))
    )
    trade[name] = value


def bad_date(trade: Document, random: Random) -> None:
    """Give a day that does not exist, is written another way, or lies far in the future."""
    trade["tradeDate"] = random.choice(("2026-02-30", "31/01/2026", "20260131", "9999-12-31"))


def too_many_decimals(trade: Document, random: Random) -> None:
    """Add a lot whose quantity has a ninth decimal."""
    shares = Decimal(f"{random.randrange(1, 1000)}.123456789")
    quantity = [{"value": shares, "unit": {"financialUnit": "Shares"}}]
    trade["tradeLots"].append({"priceQuantity": [{"quantity": quantity}]})


def empty_lots(trade: Document, random: Random) -> None:  # noqa: ARG001 - called like the others
    """Leave the trade without a lot."""
    trade["tradeLots"] = []


FAULTS: tuple[Fault, ...] = (
    missing_field,
    wrong_check_digit,
    wrong_type,
    bad_date,
    too_many_decimals,
    empty_lots,
)
