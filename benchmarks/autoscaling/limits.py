"""Simulated limits: how many trades may still come in, and the `Retry-After` of refused ones.

The order of the limits and the answers are the inbox's own. No I/O.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.autoscaling.inboxes import Inboxes, LaneGroup
from tradecapture.inbox.answers import FullScope, partition_rate
from tradecapture.inbox.backlog import WINDOW_SECONDS, retry_after
from tradecapture.settings import Settings


class Room(NamedTuple):
    """How many trades may still come in, and which limit allows the fewest."""

    trades: float
    scope: str  # 'partition', 'lane' or 'total'


class Limits:
    """The limits of partitions, lanes and the total."""

    def __init__(self, lanes: Sequence[LaneGroup], settings: Settings) -> None:
        self._lanes, self._settings = lanes, settings

    def room(self, lanes: LaneGroup, inboxes: Inboxes) -> Room:
        """Return the room in some inboxes of some lanes."""
        settings, partitions = self._settings, inboxes.stream.partitions
        # If two limits allow equally many, the first one answers.
        return min(
            Room(settings.limit_partition * partitions - inboxes.waiting, "partition"),
            Room((settings.limit_lane - lanes.waiting) * lanes.number, "lane"),
            Room(settings.limit_total - self._total, "total"),
            key=lambda room: room.trades,
        )

    def retry_after(self, scope: str, lanes: LaneGroup, inboxes: Inboxes) -> int:
        """Return the `Retry-After`, in seconds, of a trade that a scope had no room for."""
        settings = self._settings
        lane_waiting, lane_rate = round(lanes.waiting), _rate(lanes.inboxes, lanes.number)
        if scope == "partition":
            waiting = round(inboxes.waiting / inboxes.stream.partitions)
            rate = partition_rate(lane_rate, FullScope(scope, waiting, lane_waiting, held=False))
            return retry_after(waiting, settings.limit_partition, rate)
        if scope == "lane":
            return retry_after(lane_waiting, settings.limit_lane, lane_rate)
        all_inboxes = [part for group in self._lanes for part in group.inboxes]
        return retry_after(round(self._total), settings.limit_total, _rate(all_inboxes))

    @property
    def _total(self) -> float:
        return sum(lanes.waiting * lanes.number for lanes in self._lanes)


def _rate(inboxes: Iterable[Inboxes], lanes: int = 1) -> float | None:
    """Return the trades a second that left each lane recently; None: not known yet."""
    left, seconds = 0.0, 0
    for part in inboxes:
        seconds = min(int(WINDOW_SECONDS), len(part.captured) - 1)
        left += part.captured[-1] - part.captured[-1 - seconds]
    return left / seconds / lanes if seconds else None
