"""Arrivals of numbered trades: in any order within the window, in any batches, repeated."""

from collections.abc import Iterator
from typing import NamedTuple

from hypothesis import strategies as st

from tests.support.builders import claim, entries, numbered
from tradecapture.inbox import Claim

MAX_TRADES = 14


class Arrival(NamedTuple):
    """How the trades with the numbers 1, 2, 3 … of one partition arrive."""

    order: list[int]  # each number once
    window: int  # no number is beyond it when it arrives
    batches: list[tuple[int, int]]  # the start and end, as indexes of `order`, of each claim

    def claims(self, book: str, first_fence: int = 1) -> Iterator[Claim]:
        """Yield the claims of these batches, with trades of one book."""
        waiting = entries(numbered(number, f"{book}-{number}", book) for number in self.order)
        for fence, (start, end) in enumerate(self.batches, first_fence):
            yield claim(*waiting[start:end], fence=fence)


def in_order(arrival: Arrival) -> Arrival:
    """Return the same trades in the order of their numbers, in one batch."""
    return Arrival(sorted(arrival.order), arrival.window, [(0, len(arrival.order))])


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    """Draw an arrival in which each number is within the window of those before."""
    trades, window = draw(st.integers(1, MAX_TRADES)), draw(st.integers(1, MAX_TRADES))
    order: list[int] = []
    missing, reached = set(range(1, trades + 1)), 0
    while missing:
        number = draw(st.sampled_from(sorted(n for n in missing if n <= reached + window)))
        missing.remove(number)
        order.append(number)
        while reached + 1 not in missing and reached < trades:
            reached += 1
    return Arrival(order, window, draw(_batches(trades)))


@st.composite
def _batches(draw: st.DrawFn, trades: int) -> list[tuple[int, int]]:
    """Draw claims that together read all trades; each may begin with trades read before."""
    batches, read = [], 0
    while read < trades:
        start = draw(st.integers(max(0, read - 4), read))  # before `read`: repeated
        end = draw(st.integers(start + 1, trades))
        batches.append((start, end))
        read = max(read, end)
    return batches
