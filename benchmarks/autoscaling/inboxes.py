"""The inboxes: trades of partitions that are alike, in lanes that are alike. Pure.

Trades are a fluid here. A partition is captured by one process at a time; a claim takes the trades
that wait, up to its limits, so that claims grow with what waits.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import exp

from benchmarks.autoscaling.costs import Costs
from benchmarks.autoscaling.day import Stream
from benchmarks.autoscaling.line import Cohort, Line


class Inboxes:
    """What waits in the partitions of a stream."""

    def __init__(self, stream: Stream, costs: Costs) -> None:
        """Prepare empty ones."""
        self.stream, self._costs = stream, costs
        self._line = Line()
        self._arriving = 0.0
        self.captured = [0.0]  # so many until each second
        self._waits = defaultdict[int, float](float)  # whole seconds -> trades captured

    @property
    def waiting(self) -> float:
        """Trades that wait, those in hand too."""
        return self._line.trades

    @property
    def partitions_due(self) -> float:
        """How many partitions have trades waiting, on average: so many balls in so many boxes."""
        partitions = self.stream.partitions
        return partitions * (1 - exp(-self.waiting / partitions))

    @property
    def claims_due(self) -> float:
        """How many full claims they make."""
        due = self.partitions_due
        return due * self._costs.share_of_claim(self.waiting / due) if due else 0.0

    def accept(self, cohorts: Iterable[Cohort]) -> None:
        """Append trades."""
        for cohort in cohorts:
            self._line.join(cohort)
            self._arriving += cohort.trades

    def capture(self, second: int, processes: float) -> float:
        """Capture for a second; return how many processes with full claims that would take."""
        # What arrives is in hand for as long as a claim takes that is not full.
        in_hand = min(self.waiting, self._arriving * self._costs.claim_seconds(0))
        self._arriving = 0.0
        most = self._useful(processes) * self._costs.most_per_second
        before = self.waiting
        for first_sent, trades in self._line.take(min(max(0.0, before - in_hand), most)):
            # What is in hand at the end of a second is captured within a claim: in the next one.
            self._waits[max(0, second - first_sent - 1)] += trades
        captured = before - self.waiting
        self.captured.append(self.captured[-1] + captured)
        return captured / self._costs.most_per_second

    def cpu_seconds(self, processes: float) -> float:
        """Return the CPU that the last second took of so many processes."""
        captured = self.captured[-1] - self.captured[-2]
        return self._costs.cpu_seconds(captured, self._useful(processes))

    def waits(self, now: int) -> list[tuple[float, float]]:
        """Return how long trades waited from when they were first sent, and how many so long.

        Args:
            now: the second until which those that are not captured have waited.
        """
        claim = self._costs.claim_seconds(0)
        waits = [(seconds + claim, trades) for seconds, trades in self._waits.items()]
        return waits + [(now - 1 - second + claim, trades) for second, trades in self._line]

    def _useful(self, processes: float) -> float:
        """Return how many processes find work: no more than there are partitions."""
        return min(processes, self.stream.partitions)
