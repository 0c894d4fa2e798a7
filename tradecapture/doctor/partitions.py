"""Findings on partitions: those that are held, miss upstream's numbers, or are nearly full."""

from collections.abc import Sequence

from msgspec import structs
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.inbox import (
    InboxPartition,
    InboxReader,
    LaneBacklog,
    UnreachableLanes,
    connect_inboxes,
)
from tradecapture.ledger.engine import open_engine
from tradecapture.ledger.queries.operator_reader import OperatorReader, SequenceGap
from tradecapture.settings import Settings
from tradecapture.trades.partition import PartitionKey

BACKLOG_WARN_SHARE = 0.8  # of a limit; above it there is little time left to add workers
MAX_COUNTED = 1000  # partitions that are counted; more are "1,000 or more"
MAX_NAMED = 3  # partitions that a finding names


def check_partitions(settings: Settings) -> list[Finding]:
    """Check partitions and backlogs; return nothing if a server is down, which other checks find.

    On a cluster only the reachable lanes are checked, and a finding names the others.
    """
    try:
        with open_engine(settings) as (engine, dialect), connect_inboxes(settings) as redis:
            # Not through an Inbox, which records the lane count: doctor changes nothing.
            inbox = InboxReader(redis, settings.lanes)
            unreachable = UnreachableLanes(settings.lanes)
            lanes = inbox.backlog(unreachable)
            # Reading all partitions costs time, so only if one may be near its limit.
            deepest_lane = max(lane.waiting for lane in lanes)
            may_be_full = _is_near(deepest_lane, settings.limit_partition)
            partitions = inbox.partitions(unreachable) if may_be_full else []
            newer = inbox.keys_with_newer_head(MAX_COUNTED, unreachable)
            held = inbox.keys_after("", MAX_COUNTED, only_held=True, unreachable=unreachable)
            now_ms = inbox.now_ms()
            ledger = OperatorReader(engine, dialect)
            held += ledger.keys_after("", MAX_COUNTED, only_held=True)
            gaps = ledger.sequence_gaps()
    except (RedisError, SQLAlchemyError):
        return []
    return [
        assess_gaps(gaps, now_ms, settings.sequence_timeout_seconds),
        *note_unreachable(
            [
                assess_held(sorted(set(held))[:MAX_COUNTED]),
                assess_newer(newer),
                assess_backlog(lanes, partitions, settings),
            ],
            unreachable,
        ),
    ]


def note_unreachable(findings: Sequence[Finding], unreachable: UnreachableLanes) -> list[Finding]:
    """Say in findings that they miss some lanes, and add a finding that names these lanes. Pure."""
    if not unreachable.lanes:
        return [*findings]
    warning = Finding(
        Level.WARN,
        "lanes out of reach",
        f"{unreachable}; the other findings leave out what waits there, and partitions that only "
        "Redis knows to be held",
        "start the node that is down, or wait until the lane is moved",
    )
    partial = [
        structs.replace(item, message=f"in the reachable lanes: {item.message}")
        for item in findings
    ]
    return [warning, *partial]


def assess_held(partition_keys: Sequence[PartitionKey]) -> Finding:
    """Assess the partitions that are paused or halted. Pure."""
    or_more = " or more" if len(partition_keys) == MAX_COUNTED else ""
    return finding(
        "held partitions",
        f"{len(partition_keys):,}{or_more}, whose trades only wait: {_name(partition_keys)}"
        if partition_keys
        else "none",
        Level.WARN if partition_keys else Level.OK,
        "`tradecapture partitions show KEY` says why, by whom, and what to do",
    )


def assess_newer(partition_keys: Sequence[PartitionKey]) -> Finding:
    """Assess the partitions whose oldest trade only a newer release can read. Pure."""
    return finding(
        "newer entries",
        f"{len(partition_keys):,} partitions wait for workers of a newer release: "
        f"{_name(partition_keys)}"
        if partition_keys
        else "none",
        Level.WARN if partition_keys else Level.OK,
        "start workers of the release whose APIs accepted these trades; nothing is lost, and their "
        "order is kept",
    )


def assess_gaps(gaps: Sequence[SequenceGap], now_ms: int, timeout_seconds: float) -> Finding:
    """Assess the gaps in upstream's sequence numbers. Pure.

    Args:
        gaps: one a partition.
        now_ms: Redis time in milliseconds.
        timeout_seconds: TRADECAPTURE_SEQUENCE_TIMEOUT_SECONDS; a younger gap may close by itself.
    """
    oldest_ms = now_ms - timeout_seconds * 1000
    overdue = [gap.partition_key for gap in gaps if gap.oldest.timestamp() * 1000 < oldest_ms]
    message = f"{len(gaps):,}, {len(overdue):,} of them older than {timeout_seconds:g} s"
    if overdue:
        message += f": {_name(overdue)}"
    return finding(
        "sequence gaps",
        message if gaps else "none",
        Level.WARN if overdue else Level.OK,
        "send the missing numbers, or release their partitions: `tradecapture partitions gaps` "
        "shows how",
    )


def assess_backlog(
    lanes: Sequence[LaneBacklog], partitions: Sequence[InboxPartition], settings: Settings
) -> Finding:
    """Assess how near the backlog is to its limits. Pure.

    Args:
        lanes: how many trades wait in each.
        partitions: all of them; empty if no lane holds enough to bring one near its limit.
        settings: with the limits.
    """
    total = sum(lane.waiting for lane in lanes)
    deepest = max(lanes, key=lambda lane: lane.waiting)
    scopes = [
        (total, settings.limit_total, "in all lanes"),
        (deepest.waiting, settings.limit_lane, f"in lane {deepest.lane}"),
    ]
    if partitions:
        fullest = max(partitions, key=lambda partition: partition.waiting)
        where = f"in partition {fullest.partition_key}"
        scopes.append((fullest.waiting, settings.limit_partition, where))
    is_full = any(waiting >= limit for waiting, limit, _where in scopes)
    nearly_full = [scope for scope in scopes if _is_near(scope[0], scope[1])]
    return finding(
        "backlog",
        "; ".join(
            f"{waiting:,} trades wait {where}, {limit:,} may"
            for waiting, limit, where in nearly_full or scopes[:1]
        ),
        Level.FAIL if is_full else Level.WARN if nearly_full else Level.OK,
        "submissions get 429 or 503 at the limit: add workers, resume what is held, or raise "
        "TRADECAPTURE_LIMIT_TOTAL, _LANE or _PARTITION if Redis has the memory",
    )


def _is_near(waiting: int, limit: int) -> bool:
    return waiting >= BACKLOG_WARN_SHARE * limit


def _name(partition_keys: Sequence[PartitionKey]) -> str:
    return ", ".join(partition_keys[:MAX_NAMED]) + (
        ", ..." if len(partition_keys) > MAX_NAMED else ""
    )
