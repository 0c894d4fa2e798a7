"""The bodies of responses about trades and jobs."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tradecapture.trades.clock import Timestamp
from tradecapture.trades.lifecycle import Outcome

Percent = Annotated[int, Meta(ge=0, le=100)]
Position = Annotated[int, Meta(ge=1, description="in the partition's order of acceptance")]
LedgerSequence = Annotated[int, Meta(ge=1, description="1, 2, 3 ... within the partition")]
Reason = Annotated[str, Meta(description="why the trade was not captured")]


class TradeSummaryBody(Struct, frozen=True, rename="camel"):
    """A trade of the ledger without its document; see `GET /trades/capture/{tradeId}`."""

    trade_id: str
    status: Outcome
    partition_key: str
    position: Position
    accepted_at: Timestamp
    task_id: Annotated[str, Meta(description="the Celery task that captured or recorded it")]
    trade_date: Annotated[date, Meta(description="there if the trade was captured")] | UnsetType = (
        UNSET
    )
    ledger_sequence: LedgerSequence | UnsetType = UNSET
    captured_at: Timestamp | UnsetType = UNSET
    recorded_at: (
        Annotated[Timestamp, Meta(description="when the trade was rejected, parked or buffered")]
        | UnsetType
    ) = UNSET
    reason: Reason | UnsetType = UNSET


class TradePageBody(Struct, frozen=True, rename="camel"):
    """A page of trades that match. If there is a `nextCursor`, more may follow."""

    trades: Sequence[TradeSummaryBody]
    next_cursor: Annotated[str | None, Meta(description="null: this is the last page")]


class JobStatus(StrEnum):
    """How far a job is."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class JobResult(Struct, frozen=True, rename="camel"):
    """The result of a job: a trade's place in the ledger, or how many trades of a batch ended."""

    trade_id: str | UnsetType = UNSET
    partition_key: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    ledger_sequence: int | UnsetType = UNSET
    accepted_trades: int | UnsetType = UNSET
    refused_trades: int | UnsetType = UNSET
    ended_trades: int | UnsetType = UNSET
    outcomes: Mapping[Outcome, int] | UnsetType = UNSET


class JobBody(Struct, frozen=True, rename="camel"):
    """The progress of a job: of one trade, or of a batch."""

    job_id: str
    status: JobStatus
    progress: Percent
    message: str
    result: JobResult | None
    error: str | None
    created_at: Timestamp
    updated_at: Timestamp
