"""A line: trades that wait, the oldest first, by the second in which they were first sent. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

MIN_TRADES = 1e-6  # trades are a fluid here: less than this is rounding, and nothing


class Cohort(NamedTuple):
    """Trades that were first sent in the same second."""

    second: int
    trades: float


class Line:
    """What waits somewhere; nobody overtakes."""

    def __init__(self) -> None:
        """Prepare an empty one."""
        self._cohorts: deque[Cohort] = deque()
        self.trades = 0.0

    def __iter__(self) -> Iterator[Cohort]:
        """Return what waits, the oldest first."""
        return iter(self._cohorts)

    def join(self, cohort: Cohort) -> None:
        """Let trades wait at the end."""
        if cohort.trades > 0:
            self._cohorts.append(cohort)
            self.trades += cohort.trades

    def take(self, trades: float) -> list[Cohort]:
        """Take so many trades from the front, or all that there are."""
        taken = list[Cohort]()
        if trades >= self.trades - MIN_TRADES:
            taken += self._cohorts
            self._cohorts.clear()
            self.trades = 0.0
            return taken
        left = trades
        while left > MIN_TRADES and self._cohorts:
            second, there = self._cohorts.popleft()
            part = min(there, left)
            taken.append(Cohort(second, part))
            left -= part
            if there > part:
                self._cohorts.appendleft(Cohort(second, there - part))
        self.trades -= trades - max(left, 0.0)
        return taken
