"""The status of a trade, from the ledger or from its inbox, and the wait for its outcome."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tradecapture.inbox import InboxReader
from tradecapture.ledger import ExceptionRow, TradeRow
from tradecapture.trades.clock import Timestamp, from_ms
from tradecapture.trades.document import or_unset
from tradecapture.trades.lifecycle import Outcome, TradeState
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.trade import is_trade_id

IDS_PER_QUERY = 1000  # they are one parameter, so this fits every database
POLL_INTERVAL_SECONDS = 0.1  # short for a waiting caller, and cheap for the database


class OutcomeReader(Protocol):
    """Reads outcomes of trades: the ledger's reader, or the one that also asks a replica."""

    def outcomes(self, trade_ids: Sequence[str], /) -> dict[str, Outcome]:
        """Return the outcome of each trade that has one."""


def await_outcomes(
    ledger: OutcomeReader,
    trade_ids: Iterable[str],
    timeout_seconds: float,
    progress: Callable[[int], None] = lambda _count: None,
    stop: threading.Event | None = None,
) -> dict[str, Outcome]:
    """Poll the ledger until every trade has an outcome, or the time is over.

    Args:
        ledger: reads the outcomes.
        trade_ids: ids of accepted trades.
        timeout_seconds: how long to wait, at most; 0: poll once.
        progress: called after each poll with the number of trades that have an outcome.
        stop: ends the wait early when it is set.

    Returns:
        The outcome of each trade that has one.
    """
    deadline = time.monotonic() + timeout_seconds
    stop = stop or threading.Event()
    outcomes: dict[str, Outcome] = {}
    pending = list(trade_ids)
    while True:
        is_last_poll = time.monotonic() >= deadline or stop.is_set()
        new: dict[str, Outcome] = {}
        for start in range(0, len(pending), IDS_PER_QUERY):
            answer = ledger.outcomes(pending[start : start + IDS_PER_QUERY])
            new |= answer
            # Trades end in about the order in which they were accepted, so the later ones are
            # hardly further. Only the last poll has to be complete.
            if not answer and not is_last_poll:
                break
        outcomes |= new
        progress(len(outcomes))
        pending = [trade_id for trade_id in pending if trade_id not in new]
        if not pending or is_last_poll:
            return outcomes
        if not new:
            stop.wait(min(POLL_INTERVAL_SECONDS, max(0.0, deadline - time.monotonic())))


class TradeStatus(Struct, frozen=True):
    """The state of an accepted trade, and when it got there."""

    trade_id: str
    status: TradeState
    partition_key: PartitionKey
    position: int
    accepted_at: datetime
    ledger_sequence: int | None = None
    captured_at: datetime | None = None
    task_id: str | None = None
    recorded_at: datetime | None = None  # when it was rejected, parked or buffered
    reason: str | None = None
    correlation_id: str = ""
    document: bytes | None = None  # the trade as received, once it has an outcome


class TradeBody(Struct, frozen=True, rename="camel"):
    """The status of an accepted trade, as the API and the command line answer it in JSON."""

    trade_id: str
    status: TradeState
    partition_key: str
    position: Annotated[int, Meta(ge=1, description="in the order of acceptance")]
    accepted_at: Timestamp
    ledger_sequence: (
        Annotated[int, Meta(ge=1, description="1, 2, 3 ... within the partition")] | UnsetType
    ) = UNSET
    captured_at: Timestamp | UnsetType = UNSET
    task_id: Annotated[str, Meta(description="the capturing Celery task")] | UnsetType = UNSET
    reason: Annotated[str, Meta(description="why it was not captured")] | UnsetType = UNSET
    trade: Annotated[Raw, Meta(description="as received, once it has an outcome")] | UnsetType = (
        UNSET
    )


class TradeRows(Protocol):
    """Reads the rows of trades: the ledger's reader, or the one that also asks a replica."""

    def trade(self, trade_id: str, /) -> TradeRow | ExceptionRow | None:
        """Return the captured trade; otherwise its last exception; otherwise None."""


def read_status(ledger: TradeRows, inbox: InboxReader, trade_id: str) -> TradeStatus | None:
    """Return the status of a trade, or None if no trade with this id was accepted.

    A trade that has waited longer than the idempotency window is only found once it is captured.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
        sqlalchemy.exc.SQLAlchemyError: the ledger does not answer.
    """
    if not is_trade_id(trade_id):
        # Databases may refuse a NUL, and UTF-8 cannot encode half of a surrogate pair.
        return None
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
    seen = inbox.accepted_trade(trade_id)
    if seen is None:
        return None
    accepted_at = from_ms(seen.accepted_ms)
    return TradeStatus(
        trade_id, TradeState.ACCEPTED, seen.partition_key, seen.position, accepted_at
    )


def trade_body(status: TradeStatus) -> TradeBody:
    """Return the JSON of a trade's status."""
    return TradeBody(
        trade_id=status.trade_id,
        status=status.status,
        partition_key=status.partition_key,
        position=status.position,
        accepted_at=status.accepted_at,
        ledger_sequence=or_unset(status.ledger_sequence),
        captured_at=or_unset(status.captured_at),
        task_id=or_unset(status.task_id),
        reason=or_unset(status.reason),
        trade=UNSET if status.document is None else _as_json(status.document),
    )


def _as_json(document: bytes) -> Raw:
    """Return a document byte for byte; its decimals must not pass through a number type.

    A trade may be parked because its document is not JSON. That document becomes a JSON string.
    """
    try:
        return msgspec.json.decode(document, type=Raw)
    except (msgspec.DecodeError, RecursionError):
        return Raw(msgspec.json.encode(document.decode(errors="replace")))
