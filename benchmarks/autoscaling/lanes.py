"""The lanes: those that are alike are simulated together. Pure.

Partitions of a stream lie evenly in all lanes; those of a stream that has fewer than there are
lanes lie in the first ones, one in each.
"""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.autoscaling.costs import Costs
from benchmarks.autoscaling.day import Stream
from benchmarks.autoscaling.inboxes import Inboxes


class Lanes(NamedTuple):
    """Lanes that are alike."""

    number: int
    inboxes: tuple[Inboxes, ...]

    @property
    def waiting(self) -> float:
        """Trades that wait in each of them."""
        return sum(inboxes.waiting for inboxes in self.inboxes) / self.number


def lanes_of(streams: Sequence[Stream], costs: Costs, lanes: int) -> list[Lanes]:
    """Return so many lanes with the streams in them, nothing waiting."""
    found, first = list[Lanes](), 0
    for end in sorted({_width(stream, lanes) for stream in streams}):
        parts = (
            stream.part((end - first) / _width(stream, lanes))
            for stream in streams
            if _width(stream, lanes) >= end
        )
        found.append(Lanes(end - first, tuple(Inboxes(part, costs) for part in parts)))
        first = end
    return found


def _width(stream: Stream, lanes: int) -> int:
    return min(stream.partitions, lanes)
