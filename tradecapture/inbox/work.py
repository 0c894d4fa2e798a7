"""The work: how many claims workers could capture at the same time. Fleets are sized by it."""

from typing import NamedTuple

from redis import Redis

from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.out_of_reach import OutOfReach, in_reach
from tradecapture.inbox.scripts import Call, run_all
from tradecapture.settings import Settings

# A look takes Redis a quarter of a millisecond a lane at most, during which it serves nobody else.
# Of more partitions, those that are due longest stand for the others.
MOST_LOOKED_INTO = 100


class LaneWork(NamedTuple):
    """How the partitions of a lane stand that have trades waiting."""

    lane: int
    due: int  # partitions that a worker may claim now
    claimed: int  # partitions that a worker is at; a lower bound while captures fail
    postponed: int  # partitions whose last capture failed, and that wait for their backoff
    held: int  # partitions that an operator paused or a parked trade halted
    due_for_ms: int  # how long the partition that is due longest has waited for a worker
    claims: float  # full claims that what is due or claimed makes: the useful parallelism


def read_work(
    redis: "Redis", settings: Settings, out_of_reach: OutOfReach | None = None
) -> list[LaneWork]:
    """Return the work of each lane, in one round trip.

    Args:
        redis: with the inboxes.
        settings: with the lanes, and how much a claim takes.
        out_of_reach: to note the lanes in that are left out; None: all are needed.

    Raises:
        RedisError: Redis, or a lane that is needed, is out of reach.
    """
    calls = []
    for lane in range(settings.lanes):
        keys = lane_keys(lane)
        limits = (settings.batch_trades, settings.batch_partitions)
        arguments = (keys.prefix, MOST_LOOKED_INTO, *limits)
        calls.append(Call("work", (keys.due, keys.held, keys.tries), arguments))
    return [
        LaneWork._make([lane, *counts, float(claims)])
        for lane, (*counts, claims) in in_reach(
            range(settings.lanes), run_all(redis, calls), out_of_reach
        )
    ]
