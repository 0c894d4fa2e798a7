"""The status of a trade: read from the ledger, then from the inbox if it is not there yet."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from tradecapture.inbox import InboxReader
from tradecapture.ledger import ExceptionRow, TradeRow
from tradecapture.outcome import Outcome
from tradecapture.trade import is_trade_id


class TradeState(StrEnum):
    """Where an accepted trade is on its way."""

    ACCEPTED = "ACCEPTED"  # safe in its inbox, waiting
    CAPTURED = "CAPTURED"
    REJECTED = "REJECTED"
    PARKED = "PARKED"
    BUFFERED = "BUFFERED"  # safe in the ledger, until upstream's lower numbers have come


class TradeStatus(Struct, frozen=True):
    """What is known of an accepted trade."""

    trade_id: str
    status: TradeState
    partition_key: str
    position: int
    accepted_at: datetime
    ledger_sequence: int | None = None
    captured_at: datetime | None = None
    task_id: str | None = None
    recorded_at: datetime | None = None  # when it was rejected, parked or buffered
    reason: str | None = None
    correlation_id: str = ""
    document: bytes | None = None  # the trade as received, once it has an outcome


class TradeRows(Protocol):
    """Where the rows of trades are looked up: the ledger, or its readers with a replica."""

    def trade(self, trade_id: str, /) -> TradeRow | ExceptionRow | None:
        """Return a captured trade; failing that its last exception; failing that None."""


def read_status(ledger: TradeRows, inbox: InboxReader, trade_id: str) -> TradeStatus | None:
    """Return the status of a trade, or None if no trade with this id was accepted.

    A trade that waits for longer than the idempotency window is not found until it is captured.
    """
    if not is_trade_id(trade_id):
        return None  # a database may choke on a NUL, Redis on half of a surrogate pair
    row = ledger.trade(trade_id)
    if isinstance(row, TradeRow):
        return TradeStatus(
            trade_id,
            TradeState.CAPTURED,
            row.partition_key,
            row.position,
            row.accepted_at,
            ledger_sequence=row.ledger_sequence,
            captured_at=row.captured_at,
            task_id=row.task_id,
            correlation_id=row.correlation_id,
            document=row.document.encode(),
        )
    if row is not None and row.outcome != Outcome.DUPLICATE:
        return TradeStatus(
            trade_id,
            TradeState(row.outcome),
            row.partition_key,
            row.position,
            row.accepted_at,
            task_id=row.task_id,
            recorded_at=row.recorded_at,
            reason=row.reason,
            correlation_id=row.correlation_id,
            document=row.document.encode(),
        )
    seen = inbox.seen(trade_id)
    if seen is None:
        return None
    accepted_at = datetime.fromtimestamp(seen.accepted_ms / 1000, UTC)
    return TradeStatus(trade_id, TradeState.ACCEPTED, seen.partition, seen.position, accepted_at)
