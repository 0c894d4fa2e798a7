"""Simulated inboxes: trades wait in partitions and lanes, many of them alike. No I/O.

Trades are a fluid here: a rate, not single ones. One process at a time captures a partition. A
claim takes the waiting trades up to its limits, so claims grow with the backlog.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from math import exp
from typing import NamedTuple

from benchmarks.autoscaling.arrivals import Stream
from benchmarks.autoscaling.costs import Costs

MIN_TRADES = 1e-6  # less than this is a rounding error


class Cohort(NamedTuple):
    """Trades that clients first sent in the same second."""

    second: int
    trades: float


class TradeQueue:
    """A first-in, first-out queue of cohorts."""

    def __init__(self) -> None:
        self._cohorts: deque[Cohort] = deque()
        self.trades = 0.0

    def __iter__(self) -> Iterator[Cohort]:
        """Return the waiting cohorts, oldest first."""
        return iter(self._cohorts)

    def append(self, cohort: Cohort) -> None:
        """Append trades at the end."""
        if cohort.trades > 0:
            self._cohorts.append(cohort)
            self.trades += cohort.trades

    def take(self, trades: float) -> list[Cohort]:
        """Remove this many trades from the front, or all if there are fewer."""
        taken = list[Cohort]()
        if trades >= self.trades - MIN_TRADES:
            taken += self._cohorts
            self._cohorts.clear()
            self.trades = 0.0
            return taken
        left = trades
        while left > MIN_TRADES and self._cohorts:
            second, waiting = self._cohorts.popleft()
            part = min(waiting, left)
            taken.append(Cohort(second, part))
            left -= part
            if waiting > part:
                self._cohorts.appendleft(Cohort(second, waiting - part))
        self.trades -= trades - max(left, 0.0)
        return taken


class Inboxes:
    """The inboxes of a stream's partitions, which are all alike."""

    def __init__(self, stream: Stream, costs: Costs) -> None:
        self.stream, self._costs = stream, costs
        self._queue = TradeQueue()
        self._arriving = 0.0
        self.captured = [0.0]  # trades captured up to each second
        self._waits = defaultdict[int, float](float)  # whole seconds -> trades captured

    @property
    def waiting(self) -> float:
        """Trades that wait, including those of running claims."""
        return self._queue.trades

    @property
    def partitions_due(self) -> float:
        """Partitions with waiting trades, on average: the balls-into-boxes problem."""
        partitions = self.stream.partitions
        return partitions * (1 - exp(-self.waiting / partitions))

    @property
    def claims_due(self) -> float:
        """Full claims that the due partitions make."""
        due = self.partitions_due
        return due * self._costs.share_of_claim(self.waiting / due) if due else 0.0

    def accept(self, cohorts: Iterable[Cohort]) -> None:
        """Append trades."""
        for cohort in cohorts:
            self._queue.append(cohort)
            self._arriving += cohort.trades

    def capture(self, second: int, processes: float) -> float:
        """Capture for one second.

        Args:
            second: the time.
            processes: worker processes that are free for these inboxes.

        Returns:
            How many processes with full claims this takes.
        """
        # A trade that just arrived stays in a running claim for as long as a claim takes that is
        # not full.
        in_claims = min(self.waiting, self._arriving * self._costs.claim_seconds(0))
        self._arriving = 0.0
        max_trades = self._useful(processes) * self._costs.max_per_second
        before = self.waiting
        for first_sent, trades in self._queue.take(min(max(0.0, before - in_claims), max_trades)):
            # Trades of running claims at the end of a second are captured in the next second.
            self._waits[max(0, second - first_sent - 1)] += trades
        captured = before - self.waiting
        self.captured.append(self.captured[-1] + captured)
        return captured / self._costs.max_per_second

    def cpu_seconds(self, processes: float) -> float:
        """Return the CPU time that this many processes used in the last second."""
        captured = self.captured[-1] - self.captured[-2]
        return self._costs.cpu_seconds(captured, self._useful(processes))

    def waits(self, now: int) -> list[tuple[float, float]]:
        """Return pairs: seconds from the first sending, and the trades that waited as long.

        Args:
            now: the second up to which trades that are not captured have waited.
        """
        claim = self._costs.claim_seconds(0)
        waits = [(seconds + claim, trades) for seconds, trades in self._waits.items()]
        return waits + [(now - 1 - second + claim, trades) for second, trades in self._queue]

    def _useful(self, processes: float) -> float:
        """Return how many processes find work: at most one a partition."""
        return min(processes, self.stream.partitions)


class LaneGroup(NamedTuple):
    """Lanes that are alike, simulated together."""

    number: int
    inboxes: tuple[Inboxes, ...]

    @property
    def waiting(self) -> float:
        """Trades that wait in each lane."""
        return sum(inboxes.waiting for inboxes in self.inboxes) / self.number


def group_lanes(streams: Sequence[Stream], costs: Costs, lanes: int) -> list[LaneGroup]:
    """Return empty lanes, grouped by the streams that they get.

    The partitions of a stream are spread evenly over all lanes. A stream with fewer partitions
    than lanes has one partition in each of the first lanes.
    """
    groups, first = list[LaneGroup](), 0
    for end in sorted({_lanes_used(stream, lanes) for stream in streams}):
        parts = (
            stream.part((end - first) / _lanes_used(stream, lanes))
            for stream in streams
            if _lanes_used(stream, lanes) >= end
        )
        groups.append(LaneGroup(end - first, tuple(Inboxes(part, costs) for part in parts)))
        first = end
    return groups


def _lanes_used(stream: Stream, lanes: int) -> int:
    return min(stream.partitions, lanes)
