"""The views of partitions: their bodies, made from how they stand."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tradecapture.inbox import HoldKind, InboxPartition, WaitingTrade
from tradecapture.ledger import AuditRow, ExceptionRow
from tradecapture.ledger.queries.operator_reader import SequenceGap
from tradecapture.operations import PartitionDetail, PartitionState, effective_hold
from tradecapture.operations.action import Action
from tradecapture.settings import Settings
from tradecapture.trades.clock import Timestamp, from_ms
from tradecapture.trades.partition import PartitionKey, lane_of

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


class PartitionDetailBody(PartitionBody, frozen=True, rename="camel"):
    """A partition from close by."""

    waiting_trades: Annotated[Sequence[WaitingBody], Meta(description="from the head on")]
    halted_by: ParkedBody | None
    gap: GapBody | None
    audit: Annotated[Sequence[AuditBody], Meta(description="the newest first")]


def inbox_facts(row: InboxPartition, now_ms: int) -> dict[str, Any]:
    """Return how a partition stands in Redis."""
    oldest = row.oldest_accepted_ms
    return {
        "partitionKey": row.partition_key,
        "lane": row.lane,
        "accepted": row.accepted,
        "waiting": row.waiting,
        "oldestAgeMs": None if oldest is None else max(0, now_ms - oldest),
        "owner": row.owner,
        "leaseMs": row.lease_ms if row.owner else None,
        "held": str(row.held) if row.held else None,
    }


def close_facts(partition_key: PartitionKey, look: PartitionDetail, now_ms: int) -> dict[str, Any]:
    """Return what is known of a partition from close by."""
    row, inbox, hold = look.standing.row, look.standing.inbox, effective_hold(look.standing)
    return {
        "partitionKey": partition_key,
        "held": {"kind": hold.kind, "who": hold.who or None, "why": hold.why} if hold else None,
        "inbox": inbox_facts(inbox, now_ms) if inbox else None,
        "ledger": {
            "captured": row.last_sequence,
            "lastPosition": row.last_position,
            "paused": row.paused_reason,
            "halted": row.halted_reason,
            "upstream": row.upstream,
            "buffered": row.buffered,
        }
        if row
        else None,
        "parked": {
            "tradeId": look.halting.trade_id,
            "epoch": look.halting.epoch,
            "position": look.halting.position,
            "recordedAt": look.halting.recorded_at,
            "reason": look.halting.reason,
        }
        if look.halting
        else None,
        "waiting": [
            {
                "position": trade.position,
                "tradeId": trade.trade_id,
                "ageMs": None if trade.accepted_ms is None else max(0, now_ms - trade.accepted_ms),
                "sequenceNumber": trade.sequence_number,
                "unreadable": trade.unreadable,
            }
            for trade in look.waiting
        ],
        "gap": gap_facts(look.gap, now_ms) if look.gap else None,
        "audit": [audit_facts(done) for done in look.audit],
    }


def gap_facts(gap: SequenceGap, now_ms: int) -> dict[str, Any]:
    """Return what is missing of upstream's numbers in a partition."""
    return {
        "partitionKey": gap.partition_key,
        "upstream": gap.upstream,
        "missingFrom": gap.upstream + 1,
        "missingTo": gap.lowest - 1,
        "buffered": gap.buffered,
        "ageMs": max(0, now_ms - round(gap.oldest.timestamp() * 1000)),
    }


def audit_facts(row: AuditRow) -> dict[str, Any]:
    """Return what an operator did."""
    return {
        "doneAt": row.done_at,
        "who": row.who,
        "action": row.action,
        "partitionKey": row.partition_key,
        "tradeId": row.trade_id,
        "epoch": row.epoch,
        "position": row.position,
        "why": row.why,
        "result": row.result,
    }


def partition_body(
    partition_key: PartitionKey, standing: PartitionState, lanes: int, now_ms: int
) -> PartitionBody:
    """Return how a partition stands; `now_ms` is Redis time."""
    row, inbox, hold = standing.row, standing.inbox, effective_hold(standing)
    oldest_ms = inbox.oldest_accepted_ms if inbox else None
    owner = inbox.owner if inbox else None
    return PartitionBody(
        partition_key=partition_key,
        lane=lane_of(partition_key, lanes),
        accepted=inbox.accepted if inbox else 0,
        waiting=inbox.waiting if inbox else 0,
        oldest_age_ms=None if oldest_ms is None else max(0, now_ms - oldest_ms),
        owner=owner,
        lease_ms=inbox.lease_ms if inbox and owner else None,
        last_sequence=row.last_sequence if row else 0,
        upstream_number=row.upstream if row else 0,
        buffered=row.buffered if row else 0,
        held=HeldBody(hold.kind, hold.who or None, hold.why) if hold else None,
    )


def close_body(
    partition_key: PartitionKey, look: PartitionDetail, settings: Settings, now_ms: int
) -> PartitionDetailBody:
    """Return a partition from close by; `now_ms` is Redis time."""
    body = partition_body(partition_key, look.standing, settings.lanes, now_ms)
    return PartitionDetailBody(
        **structs.asdict(body),
        waiting_trades=[_waiting(trade) for trade in look.waiting],
        halted_by=_parked(look.halting) if look.halting else None,
        gap=_gap(look.gap, settings.sequence_timeout_seconds, now_ms) if look.gap else None,
        audit=[_audit(row) for row in look.audit],
    )


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
    overdue = gap.oldest + timedelta(seconds=timeout_seconds) <= from_ms(now_ms)
    return GapBody(gap.upstream + 1, gap.lowest - 1, gap.buffered, gap.oldest, overdue)


def _audit(row: AuditRow) -> AuditBody:
    return AuditBody(
        row.done_at, row.who, Action(row.action), row.why, row.result, row.trade_id, row.position
    )
