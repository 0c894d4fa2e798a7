"""The bodies of a search: what is answered of the trades that are found."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tradecapture.api.bodies import Timestamp
from tradecapture.outcome import Outcome


class FoundBody(Struct, frozen=True, rename="camel"):
    """A trade that the ledger has, without its document; see `GET /trades/capture/{tradeId}`."""

    trade_id: str
    status: Outcome
    partition_key: str
    position: Annotated[int, Meta(ge=1, description="in the order of acceptance")]
    accepted_at: Timestamp
    task_id: Annotated[str, Meta(description="the Celery task that captured or recorded it")]
    trade_date: Annotated[date, Meta(description="of a captured trade")] | UnsetType = UNSET
    ledger_sequence: (
        Annotated[int, Meta(ge=1, description="1, 2, 3 ... within the partition")] | UnsetType
    ) = UNSET
    captured_at: Timestamp | UnsetType = UNSET
    recorded_at: Annotated[Timestamp, Meta(description="when it was not captured")] | UnsetType = (
        UNSET
    )
    reason: Annotated[str, Meta(description="why it was not captured")] | UnsetType = UNSET


class FoundPageBody(Struct, frozen=True, rename="camel"):
    """A page of trades that fit. While there is a `nextCursor`, more may follow."""

    trades: Sequence[FoundBody]
    next_cursor: Annotated[str | None, Meta(description="null: this was the last page")]
