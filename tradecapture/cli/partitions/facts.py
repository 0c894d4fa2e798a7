"""The facts of a partition as an operator reads them: for JSON, and where several tables share."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from tradecapture.cli.screen import instant, table
from tradecapture.inbox import InboxPartition
from tradecapture.ledger import AuditRow
from tradecapture.ledger.operating_reader import SequenceGap
from tradecapture.operations import CloseLook, hold_of


def inbox_facts(row: InboxPartition, now_ms: int) -> dict[str, Any]:
    """Return how a partition stands in Redis."""
    oldest = row.oldest_accepted_ms
    return {
        "partitionKey": row.partition,
        "lane": row.lane,
        "accepted": row.accepted,
        "waiting": row.waiting,
        "oldestAgeMs": None if oldest is None else max(0, now_ms - oldest),
        "owner": row.owner,
        "leaseMs": row.lease_ms if row.owner else None,
        "held": str(row.held) if row.held else None,
    }


def close_facts(key: str, look: CloseLook, now_ms: int) -> dict[str, Any]:
    """Return what is known of a partition from close by."""
    row, inbox, hold = look.standing.row, look.standing.inbox, hold_of(look.standing)
    return {
        "partitionKey": key,
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
        "partitionKey": gap.partition,
        "upstream": gap.upstream,
        "missingFrom": gap.upstream + 1,
        "missingTo": gap.lowest - 1,
        "buffered": gap.buffered,
        "ageMs": max(0, now_ms - round(gap.oldest.timestamp() * 1000)),
    }


def missing_numbers(gap: SequenceGap) -> str:
    """Return the numbers that are missing below the lowest buffered one."""
    first, last = gap.upstream + 1, gap.lowest - 1
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


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


def audit_table(title: str, rows: Iterable[AuditRow], *, partitions: bool = False) -> Table:
    """Return what operators did; with the partitions to which they did it, if these differ."""
    columns = ["when", "who", "action", "partition", "trade", "why", "result"]
    if not partitions:
        columns.remove("partition")
    lines = []
    for row in rows:
        where = [row.partition_key] if partitions else []
        did = [instant(row.done_at), row.who, row.action]
        lines.append([*did, *where, row.trade_id, row.why, row.result])
    return table(title, columns, lines)
