"""Defects: ways to make a valid sample trade invalid, so that it must be refused."""

from collections.abc import Callable
from decimal import Decimal
from random import Random

from tradecapture.trades.document import Document

Defect = Callable[[Document, Random], None]  # makes a valid trade invalid, in place


def missing_field(trade: Document, random: Random) -> None:
    """Remove a required field."""
    del trade[random.choice(("accountId", "bookId", "source", "tradeDate", "counterpartyIds"))]


def wrong_check_digit(trade: Document, random: Random) -> None:
    """Change the last digit of the ISIN."""
    isin = trade["securityId"]
    trade["securityId"] = f"{isin[:-1]}{(int(isin[-1]) + random.randrange(1, 10)) % 10}"


def wrong_type(trade: Document, random: Random) -> None:
    """Set a value of another type, or one that is not in the enumeration."""
    name, value = random.choice(
        (("accountId", 4711), ("counterpartyIds", "CP0001"), ("tradeLots", {}), ("source", "FAX"))
    )
    trade[name] = value


def bad_date(trade: Document, random: Random) -> None:
    """Set a day that does not exist, has another format, or is far in the future."""
    trade["tradeDate"] = random.choice(("2026-02-30", "31/01/2026", "20260131", "9999-12-31"))


def too_many_decimals(trade: Document, random: Random) -> None:
    """Add a lot whose quantity has a ninth decimal."""
    shares = Decimal(f"{random.randrange(1, 1000)}.123456789")
    quantity = [{"value": shares, "unit": {"financialUnit": "Shares"}}]
    trade["tradeLots"].append({"priceQuantity": [{"quantity": quantity}]})


def empty_lots(trade: Document, random: Random) -> None:  # noqa: ARG001 - same signature as the others
    """Remove all lots."""
    trade["tradeLots"] = []


DEFECTS: tuple[Defect, ...] = (
    missing_field,
    wrong_check_digit,
    wrong_type,
    bad_date,
    too_many_decimals,
    empty_lots,
)
