"""Findings on what an operator should look at: what is held, what is missing, what is full."""

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
from tradecapture.ledger.engine import make_engine
from tradecapture.ledger.queries.operator_reader import OperatorReader, SequenceGap
from tradecapture.settings import Settings

BACKLOG_WARN = 0.8  # of a limit; above it there is little time left to add workers
MAX_HELD = 1000  # held partitions that are counted; more are "1,000 or more"
NAMED = 3  # partitions that a finding names


def check_operating(settings: Settings) -> list[Finding]:
    """Look at partitions and backlogs; nothing where a server is away, which others find.

    Of a cluster they are those in reach; a finding says which lanes are not.
    """
    engine, dialect = make_engine(
        settings.database_url, pool_size=1, timeout_seconds=settings.connect_seconds
    )
    try:
        with connect_inboxes(settings) as redis:
            # Not through an Inbox: doctor changes nothing, also where no lane count is recorded.
            inbox, unseen = InboxReader(redis, settings.lanes), UnreachableLanes(settings.lanes)
            lanes = inbox.backlog(unseen)
            fullest = max(lane.waiting for lane in lanes)
            rows = inbox.partitions(unseen) if _is_near(fullest, settings.limit_partition) else []
            newer = inbox.newer_heads(MAX_HELD, unseen)
            held = inbox.keys_after("", MAX_HELD, only_held=True, out_of_reach=unseen)
            now_ms = inbox.now_ms()
        ledger = OperatorReader(engine, dialect)
        held += ledger.keys_after("", MAX_HELD, only_held=True)
        gaps = ledger.sequence_gaps()
    except (RedisError, SQLAlchemyError):
        return []
    finally:
        engine.dispose()
    of_redis = [
        assess_held(sorted(set(held))[:MAX_HELD]),
        assess_newer(newer),
        assess_backlog(lanes, rows, settings),
    ]
    gap = assess_gaps(gaps, now_ms, settings.sequence_timeout_seconds)
    return [gap, *of_lanes_in_reach(of_redis, unseen)]


def of_lanes_in_reach(found: Sequence[Finding], unseen: UnreachableLanes) -> list[Finding]:
    """Return findings that say of which lanes they are, if these are not all. Pure."""
    if not unseen.lanes:
        return [*found]
    warning = Finding(
        Level.WARN,
        "lanes out of reach",
        f"{unseen}; what waits there, and what only Redis knows to be held, is in no finding",
        "start the node that is away, or wait until the lane is moved",
    )
    partial = [
        structs.replace(finding, message=f"as far as lanes are in reach: {finding.message}")
        for finding in found
    ]
    return [warning, *partial]


def assess_held(keys: Sequence[str]) -> Finding:
    """Judge the partitions that are paused or halted. Pure."""
    if not keys:
        return Finding(Level.OK, "held partitions", "none")
    more = " or more" if len(keys) == MAX_HELD else ""
    return Finding(
        Level.WARN,
        "held partitions",
        f"{len(keys):,}{more}, whose trades only wait: {_named(keys)}",
        "`tradecapture partitions show KEY` says why, by whom, and what to do",
    )


def assess_newer(keys: Sequence[str]) -> Finding:
    """Judge the partitions whose oldest trade only a newer release can read. Pure."""
    return finding(
        "newer entries",
        f"{len(keys):,} partitions wait for workers of a newer release: {_named(keys)}"
        if keys
        else "none",
        Level.WARN if keys else None,
        "start workers of the release whose APIs accepted these trades; nothing is lost, and their "
        "order is kept",
    )


def assess_gaps(gaps: Sequence[SequenceGap], now_ms: int, timeout_seconds: float) -> Finding:
    """Judge the gaps in upstream's numbers. Pure."""
    oldest_ms = now_ms - timeout_seconds * 1000
    late = [gap.partition for gap in gaps if gap.oldest.timestamp() * 1000 < oldest_ms]
    message = f"{len(gaps):,}, of which {len(late):,} are older than {timeout_seconds:g} s"
    return finding(
        "sequence gaps",
        f"{message}: {_named(late)}" if late else message if gaps else "none",
        Level.WARN if late else None,
        "send the missing numbers, or release their partitions: `tradecapture partitions gaps` "
        "shows how",
    )


def assess_backlog(
    lanes: Sequence[LaneBacklog], rows: Sequence[InboxPartition], settings: Settings
) -> Finding:
    """Judge how near the backlog is to its limits. Pure.

    Args:
        lanes: how many trades wait in each.
        rows: the partitions; none, if no lane holds enough to bring one near its limit.
        settings: with the limits.
    """
    total, lane = sum(lane.waiting for lane in lanes), max(lanes, key=lambda lane: lane.waiting)
    scopes = [
        (total, settings.limit_total, "in all lanes"),
        (lane.waiting, settings.limit_lane, f"in lane {lane.lane}"),
    ]
    if rows:
        row = max(rows, key=lambda row: row.waiting)
        scopes.append((row.waiting, settings.limit_partition, f"in partition {row.partition}"))
    full = any(waiting >= limit for waiting, limit, _where in scopes)
    near = [scope for scope in scopes if _is_near(*scope[:2])]
    return finding(
        "backlog",
        "; ".join(
            f"{waiting:,} trades wait {where}, {limit:,} may"
            for waiting, limit, where in near or scopes[:1]
        ),
        Level.FAIL if full else Level.WARN if near else None,
        "submissions get 429 or 503 at the limit: add workers, resume what is held, or raise "
        "TRADECAPTURE_LIMIT_TOTAL, _LANE or _PARTITION if Redis has the memory",
    )


def _is_near(waiting: int, limit: int) -> bool:
    return waiting >= BACKLOG_WARN * limit


def _named(keys: Sequence[str]) -> str:
    return ", ".join(keys[:NAMED]) + (", ..." if len(keys) > NAMED else "")
