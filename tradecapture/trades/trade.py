"""A trade as a service submits it, as immutable typed values (camelCase on the wire)."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


def utf16_length(text: str) -> int:
    """Return how many UTF-16 units a text has; SQL Server, Java and JavaScript count these."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


# UTF-16 units; both from the HTTP contract.
TRADE_ID_LENGTH = 100
PARTITION_ID_LENGTH = 50  # of an account, book or security id

MAX_SEQUENCE_NUMBER = 2**63 - 1  # the largest integer of the databases

PartitionId = Annotated[str, Meta(min_length=1, max_length=PARTITION_ID_LENGTH)]
TradeId = Annotated[str, Meta(min_length=1, max_length=TRADE_ID_LENGTH)]

# The values below have gc=False. They contain no cycles, and a batch makes tens of thousands of
# them, which Python's garbage collector would scan again and again.


class Unit(Struct, frozen=True, rename="camel", gc=False):
    """The unit of a value: a currency, or a financial unit such as Shares."""

    currency: str | None = None
    financial_unit: str | None = None


class Measure(Struct, frozen=True, rename="camel", gc=False):
    """An exact decimal value and its unit (a bare string of three capitals is a currency)."""

    value: Decimal
    unit: Unit | str | None = None


class PriceQuantity(Struct, frozen=True, rename="camel", gc=False):
    """Quantities, and the prices paid for them in the same order (a price may be missing)."""

    quantity: Annotated[tuple[Measure, ...], Meta(min_length=1)]
    price: tuple[Measure, ...] = ()


class LotIdentifier(Struct, frozen=True, rename="camel", gc=False):
    """A name of a lot, and the naming scheme."""

    identifier: str
    identifier_type: str | None = None


class TradeLot(Struct, frozen=True, rename="camel", gc=False):
    """A part of a trade with its own quantities and prices."""

    price_quantity: Annotated[tuple[PriceQuantity, ...], Meta(min_length=1)]
    lot_identifier: tuple[LotIdentifier, ...] = ()


class Trade(Struct, frozen=True, rename="camel"):
    """A trade as submitted. Its document keeps the fields that are not named here.

    Decoding checks types, lengths and required fields. `validation` checks the rules that a type
    cannot express. Source of the fields: the HTTP contract.
    """

    trade_id: TradeId
    account_id: PartitionId
    book_id: PartitionId
    security_id: PartitionId
    source: Literal["AUTOMATED", "MANUAL"]
    trade_date: str
    counterparty_ids: tuple[str, ...]
    trade_lots: Annotated[tuple[TradeLot, ...], Meta(min_length=1)]
    idempotency_key: TradeId | None = None
    trade_timestamp: str | None = None
    booking_timestamp: str | None = None
    sequence_number: Annotated[int, Meta(ge=1, le=MAX_SEQUENCE_NUMBER)] | None = None
    metadata: dict[str, Any] | None = None
    entered_by: str | None = None
    entry_timestamp: str | None = None


def is_trade_id(text: str) -> bool:
    """Return whether a text can be the id of an accepted trade; no other text is looked up."""
    return 0 < utf16_length(text) <= TRADE_ID_LENGTH and text.isprintable()
