"""The status of a trade: read from the ledger, then from the inbox if it is not there yet."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from tradecapture.inbox import InboxReader
from tradecapture.ledger import ExceptionRow, LedgerReader, TradeRow
from tradecapture.trades.lifecycle import Outcome, TradeState
from tradecapture.trades.trade import is_trade_id

ASKED_TRADES = 1000  # ids a question; one parameter, so small enough for every database
LOOK_SECONDS = 0.1  # between two questions, so that waiting costs the database next to nothing


def await_outcomes(
    ledger: LedgerReader,
    trade_ids: Iterable[str],
    seconds: float,
    progress: Callable[[int], None],
    stop: threading.Event | None = None,
) -> dict[str, Outcome]:
    """Return the outcome of each trade that has one, when all have or the time is over.

    Args:
        ledger: to be asked.
        trade_ids: of accepted trades.
        seconds: how long to wait, at most.
        progress: told how many have an outcome.
        stop: ends the waiting early.
    """
    deadline = time.monotonic() + seconds
    stopped = stop or threading.Event()
    ended: dict[str, Outcome] = {}
    pending = list(trade_ids)
    while True:
        found: dict[str, Outcome] = {}
        for start in range(0, len(pending), ASKED_TRADES):
            asked = pending[start : start + ASKED_TRADES]
            answer = ledger.outcomes(asked)
            found |= answer
            if not answer:
                break  # trades end in about the order in which they were accepted
        ended |= found
        progress(len(ended))
        pending = [trade_id for trade_id in pending if trade_id not in found]
        if not pending or time.monotonic() >= deadline or stopped.is_set():
            return ended
        if not found:
            stopped.wait(LOOK_SECONDS)


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
