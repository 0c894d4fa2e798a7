"""The views of partitions: their bodies, made from how they stand."""

from datetime import UTC, datetime, timedelta

from msgspec import UNSET, structs

from tradecapture.api.partitions.bodies import (
    AuditBody,
    GapBody,
    HeldBody,
    ParkedBody,
    PartitionBody,
    PartitionCloseBody,
    WaitingBody,
)
from tradecapture.inbox import WaitingTrade
from tradecapture.ledger import Action, AuditRow, ExceptionRow
from tradecapture.ledger.operating_reader import SequenceGap
from tradecapture.operations import CloseLook, Standing, hold_of
from tradecapture.routing import lane_of
from tradecapture.settings import Settings


def partition_body(key: str, standing: Standing, lanes: int, now_ms: int) -> PartitionBody:
    """Return how a partition stands; `now_ms` is Redis time."""
    row, inbox, hold = standing.row, standing.inbox, hold_of(standing)
    oldest_ms = inbox.oldest_accepted_ms if inbox else None
    owner = inbox.owner if inbox else None
    return PartitionBody(
        partition_key=key,
        lane=lane_of(key, lanes),
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


def close_body(key: str, look: CloseLook, settings: Settings, now_ms: int) -> PartitionCloseBody:
    """Return a partition from close by; `now_ms` is Redis time."""
    body = partition_body(key, look.standing, settings.lanes, now_ms)
    return PartitionCloseBody(
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
        None if trade.accepted_ms is None else _instant(trade.accepted_ms),
        UNSET if trade.sequence_number is None else trade.sequence_number,
        trade.unreadable or UNSET,
    )


def _parked(row: ExceptionRow) -> ParkedBody:
    return ParkedBody(row.trade_id, row.position, row.accepted_at, row.recorded_at, row.reason)


def _gap(gap: SequenceGap, timeout_seconds: float, now_ms: int) -> GapBody:
    overdue = gap.oldest + timedelta(seconds=timeout_seconds) <= _instant(now_ms)
    return GapBody(gap.upstream + 1, gap.lowest - 1, gap.buffered, gap.oldest, overdue)


def _audit(row: AuditRow) -> AuditBody:
    return AuditBody(
        row.done_at, row.who, Action(row.action), row.why, row.result, row.trade_id, row.position
    )


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
