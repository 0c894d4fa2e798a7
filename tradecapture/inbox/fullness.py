"""Fullness: what a trade is answered where too many wait already, and when to send it again."""

from typing import NamedTuple

from tradecapture.inbox.backlog import Backlog, retry_after
from tradecapture.receipt import Refusal, RefusalCode
from tradecapture.settings import Settings
from tradecapture.submission import Submission


class Full(NamedTuple):
    """What the accept script saw when it found no room for a trade."""

    scope: str  # 'partition', 'lane' or 'total'
    partition_waiting: int
    lane_waiting: int
    held: bool  # the partition is


def refuse(
    submission: Submission, lane: int, full: Full, backlog: Backlog, settings: Settings
) -> Refusal:
    """Return the refusal of a trade for which there is no room."""
    if full.scope == "partition":
        waiting, limit = full.partition_waiting, settings.limit_partition
        rate = 0.0 if full.held else partition_rate(backlog.rate(lane), full)
        code, where = RefusalCode.PARTITION_FULL, f"partition {submission.partition_key}"
        where += ", which is held" if full.held else ""
    elif full.scope == "lane":
        waiting, limit, rate = full.lane_waiting, settings.limit_lane, backlog.rate(lane)
        code, where = RefusalCode.BACKLOG_FULL, f"lane {lane}"
    else:
        waiting, limit, rate = backlog.total, settings.limit_total, backlog.rate()
        code, where = RefusalCode.BACKLOG_FULL, "all lanes"
    seconds = retry_after(waiting, limit, rate)
    return Refusal(
        submission.trade_id,
        code,
        f"{waiting} trades wait in {where}, and {limit} may; nothing of this trade was kept. "
        f"Send it again in {seconds} s",
        retry_after_seconds=seconds,
    )


def partition_rate(lane_rate: float | None, full: Full) -> float | None:
    """Return trades a second that leave a partition: its part of what waits in its lane.

    Args:
        lane_rate: trades a second that leave the lane; None: not known yet.
        full: what waits in both.
    """
    if lane_rate is None:
        return None
    return lane_rate * full.partition_waiting / max(full.partition_waiting, full.lane_waiting)
