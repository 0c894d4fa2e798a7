"""Views: the JSON of partitions, in the API's answers and in the command line's `--json`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tradecapture.inbox import Hold, HoldKind, InboxPartition, WaitingTrade
from tradecapture.ledger import AuditRow, ExceptionRow
from tradecapture.ledger.queries.operator_reader import SequenceGap
from tradecapture.operations.overview import PartitionDetail, PartitionState
from tradecapture.settings import Settings
from tradecapture.trades.clock import Timestamp, from_ms
from tradecapture.trades.partition import PartitionKey, lane_of

Count = Annotated[int, Meta(ge=0)]
Milliseconds = Annotated[int, Meta(ge=0)]


class HeldBody(Struct, frozen=True, rename="camel"):
    """Why no trade of a partition is captured: a pause by an operator, or a halt by the fleet."""

    kind: HoldKind
    who: Annotated[str | None, Meta(description="the operator; null: the fleet")]
    why: str


class InboxBody(Struct, frozen=True, rename="camel"):
    """The state of a partition in Redis."""

    partition_key: str
    lane: Count
    accepted: Annotated[int, Meta(ge=0, description="trades, since Redis was set up or emptied")]
    waiting: Annotated[int, Meta(ge=0, description="its depth: trades that are not captured yet")]
    oldest_age_ms: Annotated[Milliseconds | None, Meta(description="of the trade at the head")]
    owner: Annotated[str | None, Meta(description="the claim that holds its lock")]
    lease_ms: Annotated[Milliseconds | None, Meta(description="what is left of that claim's lease")]
    held: HeldBody | None


class PartitionBody(InboxBody, frozen=True, rename="camel"):
    """The state of a partition in Redis and in the ledger."""

    last_sequence: Annotated[int, Meta(ge=0, description="in the ledger: trades captured")]
    upstream_number: Annotated[int, Meta(ge=0, description="that the partition has reached")]
    buffered: Annotated[int, Meta(ge=0, description="trades ahead of that, in the ledger")]


class WaitingBody(Struct, frozen=True, rename="camel"):
    """A trade that waits."""

    position: int
    trade_id: Annotated[str | None, Meta(description="null: the trade is unreadable")]
    accepted_at: Timestamp | None
    sequence_number: int | UnsetType = UNSET
    unreadable: Annotated[str, Meta(description="why it is unreadable")] | UnsetType = UNSET


class ParkedBody(Struct, frozen=True, rename="camel"):
    """The parked trade that halts a partition."""

    trade_id: str
    position: int
    accepted_at: Timestamp
    parked_at: Timestamp
    reason: str


class GapBody(Struct, frozen=True, rename="camel"):
    """Missing upstream numbers, and the buffered trades that wait for them."""

    missing_from: Annotated[int, Meta(ge=1)]
    missing_to: Annotated[int, Meta(ge=1)]
    buffered: Annotated[int, Meta(ge=1)]
    since: Timestamp
    overdue: Annotated[
        bool, Meta(description="older than the time-out: ask upstream, or release the gap")
    ]


class PartitionGapBody(GapBody, frozen=True, rename="camel"):
    """A gap in a list of all partitions' gaps."""

    partition_key: str
    upstream_number: int


class AuditBody(Struct, frozen=True, rename="camel"):
    """An operator's action."""

    done_at: Timestamp
    by: str
    # Not the enumeration: a newer release may have written an action that this one does not know.
    action: Annotated[str, Meta(description="pause, resume, retry, skip, release or replay")]
    why: str
    result: str
    trade_id: str | None
    position: int | None


class PartitionAuditBody(AuditBody, frozen=True, rename="camel"):
    """An operator's action in a list of the actions on all partitions."""

    partition_key: str
    epoch: int | None


class PartitionDetailBody(PartitionBody, frozen=True, rename="camel"):
    """A partition in detail."""

    waiting_trades: Annotated[Sequence[WaitingBody], Meta(description="from the head on")]
    halted_by: ParkedBody | None
    gap: GapBody | None
    audit: Annotated[Sequence[AuditBody], Meta(description="the newest first")]


def inbox_body(inbox: InboxPartition, now_ms: int) -> InboxBody:
    """Return the state of a partition in Redis; `now_ms` is Redis time."""
    oldest_ms = inbox.oldest_accepted_ms
    return InboxBody(
        partition_key=inbox.partition_key,
        lane=inbox.lane,
        accepted=inbox.accepted,
        waiting=inbox.waiting,
        oldest_age_ms=None if oldest_ms is None else max(0, now_ms - oldest_ms),
        owner=inbox.owner,
        lease_ms=inbox.lease_ms if inbox.owner else None,
        held=_held(inbox.hold),
    )


def partition_body(
    partition_key: PartitionKey, state: PartitionState, lanes: int, now_ms: int
) -> PartitionBody:
    """Return the state of a partition; `now_ms` is Redis time."""
    if state.inbox is not None:
        body = inbox_body(state.inbox, now_ms)
    else:
        body = InboxBody(partition_key, lane_of(partition_key, lanes), 0, 0, None, None, None, None)
    row = state.row
    return PartitionBody(
        **structs.asdict(structs.replace(body, held=_held(state.effective_hold))),
        last_sequence=row.last_sequence if row else 0,
        upstream_number=row.upstream if row else 0,
        buffered=row.buffered if row else 0,
    )


def detail_body(
    partition_key: PartitionKey, detail: PartitionDetail, settings: Settings, now_ms: int
) -> PartitionDetailBody:
    """Return a partition in detail; `now_ms` is Redis time."""
    body = partition_body(partition_key, detail.state, settings.lanes, now_ms)
    gap, timeout_seconds = detail.gap, settings.sequence_timeout_seconds
    return PartitionDetailBody(
        **structs.asdict(body),
        waiting_trades=[_waiting(trade) for trade in detail.waiting],
        halted_by=_parked(detail.halting) if detail.halting else None,
        gap=_gap(gap, timeout_seconds, now_ms) if gap else None,
        audit=[_audit(row) for row in detail.audit],
    )


def partition_gap_body(gap: SequenceGap, timeout_seconds: float, now_ms: int) -> PartitionGapBody:
    """Return a gap and its partition; `now_ms` is Redis time."""
    return PartitionGapBody(
        **structs.asdict(_gap(gap, timeout_seconds, now_ms)),
        partition_key=gap.partition_key,
        upstream_number=gap.upstream_number,
    )


def partition_audit_body(row: AuditRow) -> PartitionAuditBody:
    """Return an operator's action and its partition."""
    return PartitionAuditBody(
        **structs.asdict(_audit(row)), partition_key=row.partition_key, epoch=row.epoch
    )


def is_overdue(gap: SequenceGap, timeout_seconds: float, now_ms: int) -> bool:
    """Return whether a gap has reached its time-out; `now_ms` is Redis time."""
    return gap.oldest + timedelta(seconds=timeout_seconds) <= from_ms(now_ms)


def _held(hold: Hold | None) -> HeldBody | None:
    return HeldBody(hold.kind, hold.who or None, hold.why) if hold else None


def _waiting(trade: WaitingTrade) -> WaitingBody:
    return WaitingBody(
        trade.position,
        trade.trade_id,
        None if trade.accepted_ms is None else from_ms(trade.accepted_ms),
        UNSET if trade.sequence_number is None else trade.sequence_number,
        trade.unreadable or UNSET,
    )


def _parked(row: ExceptionRow) -> ParkedBody:
    return ParkedBody(row.trade_id, row.position, row.accepted_at, row.recorded_at, row.reason)


def _gap(gap: SequenceGap, timeout_seconds: float, now_ms: int) -> GapBody:
    overdue = is_overdue(gap, timeout_seconds, now_ms)
    return GapBody(gap.upstream_number + 1, gap.lowest - 1, gap.buffered, gap.oldest, overdue)


def _audit(row: AuditRow) -> AuditBody:
    return AuditBody(
        row.done_at, row.who, row.action, row.why, row.result, row.trade_id, row.position
    )
