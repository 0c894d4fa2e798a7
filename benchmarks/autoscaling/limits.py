"""The limits: how many trades may come in, and when what is refused is to be sent again. Pure.

The order in which the limits are looked at, and the answers, are the inbox's own.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.autoscaling.inboxes import Inboxes
from benchmarks.autoscaling.lanes import Lanes
from tradecapture.inbox.answers import FullScope, partition_rate
from tradecapture.inbox.backlog import WINDOW_SECONDS, retry_after
from tradecapture.settings import Settings


class Room(NamedTuple):
    """How many trades may come in, and what says that no more may."""

    trades: float
    scope: str  # 'partition', 'lane' or 'total'


class Limits:
    """The limits of all scopes."""

    def __init__(self, lanes: Sequence[Lanes], settings: Settings) -> None:
        """Prepare to look at some lanes."""
        self._lanes, self._settings = lanes, settings

    def room(self, lanes: Lanes, inboxes: Inboxes) -> Room:
        """Return the room that there is in some inboxes of some lanes."""
        settings, partitions = self._settings, inboxes.stream.partitions
        # The first of those that are equally near has the say.
        return min(
            Room(settings.limit_partition * partitions - inboxes.waiting, "partition"),
            Room((settings.limit_lane - lanes.waiting) * lanes.number, "lane"),
            Room(settings.limit_total - self._total, "total"),
            key=lambda room: room.trades,
        )

    def retry_after(self, scope: str, lanes: Lanes, inboxes: Inboxes) -> int:
        """Return the `Retry-After` of a trade for which a scope had no room."""
        settings = self._settings
        lane_waiting, lane_rate = round(lanes.waiting), _rate(lanes.inboxes, lanes.number)
        if scope == "partition":
            waiting = round(inboxes.waiting / inboxes.stream.partitions)
            rate = partition_rate(lane_rate, FullScope(scope, waiting, lane_waiting, held=False))
            return retry_after(waiting, settings.limit_partition, rate)
        if scope == "lane":
            return retry_after(lane_waiting, settings.limit_lane, lane_rate)
        everything = [part for group in self._lanes for part in group.inboxes]
        return retry_after(round(self._total), settings.limit_total, _rate(everything))

    @property
    def _total(self) -> float:
        return sum(lanes.waiting * lanes.number for lanes in self._lanes)


def _rate(inboxes: Iterable[Inboxes], lanes: int = 1) -> float | None:
    """Return trades a second that left each of so many lanes lately; None: not known yet."""
    left, seconds = 0.0, 0
    for part in inboxes:
        seconds = min(int(WINDOW_SECONDS), len(part.captured) - 1)
        left += part.captured[-1] - part.captured[-1 - seconds]
    return left / seconds / lanes if seconds else None
