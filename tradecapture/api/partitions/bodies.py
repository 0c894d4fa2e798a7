"""The bodies of partitions: how one stands, and what an operator asks for and is answered."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tradecapture.api.bodies import LanesOutOfReach, Timestamp
from tradecapture.inbox import HoldKind
from tradecapture.ledger import Action
from tradecapture.outcome import Outcome

Count = Annotated[int, Meta(ge=0)]
Milliseconds = Annotated[int, Meta(ge=0)]


class HeldBody(Struct, frozen=True, rename="camel"):
    """Why nothing of a partition is captured: an operator paused it, or a parked trade halts it."""

    kind: HoldKind
    who: Annotated[str | None, Meta(description="the operator; null: the fleet")]
    why: str


class PartitionBody(Struct, frozen=True, rename="camel"):
    """How a partition stands."""

    partition_key: str
    lane: Count
    accepted: Annotated[int, Meta(ge=0, description="trades, since Redis was set up or emptied")]
    waiting: Annotated[int, Meta(ge=0, description="its depth: trades that are not captured yet")]
    oldest_age_ms: Annotated[Milliseconds | None, Meta(description="of the trade at the head")]
    owner: Annotated[str | None, Meta(description="the claim that has it in hand")]
    lease_ms: Annotated[Milliseconds | None, Meta(description="what is left of that claim")]
    last_sequence: Annotated[int, Meta(ge=0, description="in the ledger: trades captured")]
    upstream_number: Annotated[int, Meta(ge=0, description="upstream's number it has reached")]
    buffered: Annotated[int, Meta(ge=0, description="trades ahead of that, in the ledger")]
    held: HeldBody | None


class PartitionPageBody(Struct, frozen=True, rename="camel"):
    """Partitions in the order of their keys."""

    partitions: Sequence[PartitionBody]
    next_cursor: Annotated[str | None, Meta(description="of the next page; null: there is none")]
    lanes_out_of_reach: LanesOutOfReach


class WaitingBody(Struct, frozen=True, rename="camel"):
    """A trade that waits."""

    position: int
    trade_id: Annotated[str | None, Meta(description="null: the trade is unreadable")]
    accepted_at: Timestamp | None
    sequence_number: int | UnsetType = UNSET
    unreadable: Annotated[str, Meta(description="why it is")] | UnsetType = UNSET


class ParkedBody(Struct, frozen=True, rename="camel"):
    """The parked trade that halts a partition."""

    trade_id: str
    position: int
    accepted_at: Timestamp
    parked_at: Timestamp
    reason: str


class GapBody(Struct, frozen=True, rename="camel"):
    """Upstream's numbers that are missing, and for how long trades have waited for them."""

    missing_from: Annotated[int, Meta(ge=1)]
    missing_to: Annotated[int, Meta(ge=1)]
    buffered: Annotated[int, Meta(ge=1)]
    since: Timestamp
    overdue: Annotated[bool, Meta(description="it is older than the time-out: look, or release")]


class AuditBody(Struct, frozen=True, rename="camel"):
    """What an operator did."""

    done_at: Timestamp
    by: str
    action: Action
    why: str
    result: str
    trade_id: str | None
    position: int | None


class PartitionCloseBody(PartitionBody, frozen=True, rename="camel"):
    """A partition from close by."""

    waiting_trades: Annotated[Sequence[WaitingBody], Meta(description="from the head on")]
    halted_by: ParkedBody | None
    gap: GapBody | None
    audit: Annotated[Sequence[AuditBody], Meta(description="the newest first")]


class AskedBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who asks for an action, and why."""

    by: Annotated[str, Meta(max_length=100, description="your name; kept in the audit")]
    why: Annotated[str, Meta(max_length=500, description="pause, skip and release need one")] = ""
    dry_run: Annotated[bool, Meta(description="only say what would come of it")] = False


class DeedBody(Struct, frozen=True, rename="camel"):
    """What came of an action."""

    done: bool
    dry_run: Annotated[bool, Meta(description="nothing was changed")]
    message: str
    trade_id: str | None
    outcome: Annotated[Outcome | None, Meta(description="of that trade")]
    captured: Annotated[int, Meta(ge=0, description="trades captured by it")]
    partition: Annotated[
        PartitionBody | None,
        Meta(description="as it stands now; null: it was done, and could not be looked at again"),
    ]
