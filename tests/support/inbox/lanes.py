"""A trade for each lane, for tests of what happens lane by lane."""

from tests.support.builders import partition_of, submission
from tradecapture.trades.partition import lane_of
from tradecapture.trades.submission import Submission

LANES = 16


def of_each_lane(trade_ids: str) -> list[Submission]:
    """Return a trade for each lane, in the order of the lanes."""
    found: dict[int, Submission] = {}
    for number in range(1000):
        lane = lane_of(partition_of(f"L{number}"), LANES)
        if lane not in found:
            found[lane] = submission(f"{trade_ids}-{lane}", f"L{number}")
    return [found[lane] for lane in range(LANES)]
