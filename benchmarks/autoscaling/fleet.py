"""The fleet: queues of trades, and processes that capture them, second by second. Pure.

Trades are a fluid here. A partition is captured by one process at a time; a claim takes the trades
that wait, up to its limits, so that claims grow with what waits.
"""

from math import exp

from benchmarks.autoscaling.costs import Costs
from benchmarks.autoscaling.day import Stream


class Queue:
    """What waits in the partitions of a stream."""

    def __init__(self, stream: Stream, costs: Costs, most_waiting: float) -> None:
        self.stream, self._costs, self._most = stream, costs, most_waiting
        self.waiting = 0.0
        self.arrived = [0.0]  # so many until each second
        self.captured = [0.0]

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

    def pass_second(self, second: int, processes: float) -> float:
        """Let trades arrive and be captured; return how many processes were at it, on average."""
        arriving = min(self.stream.rate(second), max(0.0, self._most - self.waiting))
        waiting = self.waiting + arriving
        # No more processes than partitions find work; each waits for its claims.
        most = min(processes, self.stream.partitions) * self._costs.most_per_second
        # What arrives is in hand for as long as a claim takes that is not full.
        in_hand = min(waiting, arriving * self._costs.claim_seconds(0))
        captured = min(max(0.0, waiting - in_hand), most)
        self.waiting = waiting - captured
        self.arrived.append(self.arrived[-1] + arriving)
        self.captured.append(self.captured[-1] + captured)
        return captured / self._costs.most_per_second

    def waits(self) -> list[tuple[float, float]]:
        """Return for each second how long its trades waited, and how many they were."""
        found, at = list[tuple[float, float]](), 1
        for second in range(1, len(self.arrived)):
            trades = self.arrived[second] - self.arrived[second - 1]
            if trades <= 0:
                continue
            while at < len(self.captured) - 1 and self.captured[at] < self.arrived[second] - 1e-6:
                at += 1
            found.append((max(0, at - second - 1) + self._costs.claim_seconds(0), trades))
        return found


class Fleet:
    """All queues, and the processes that serve the fullest first."""

    def __init__(self, streams: tuple[Stream, ...], costs: Costs, most_waiting: float) -> None:
        """Prepare an empty fleet; `most_waiting` bounds what waits in one partition."""
        self._costs = costs
        self.queues = [Queue(s, costs, most_waiting * s.partitions) for s in streams]

    def pass_second(self, second: int, processes: int) -> float:
        """Let a second pass; return the processors that were used."""
        left, before = float(processes), sum(queue.captured[-1] for queue in self.queues)
        # A partition that is due longest goes first: those of few, whose queues are long.
        for queue in sorted(self.queues, key=lambda queue: queue.stream.partitions):
            left -= queue.pass_second(second, left)
        captured = sum(queue.captured[-1] for queue in self.queues) - before
        return captured * self._costs.trade_cpu_seconds

    @property
    def waiting(self) -> float:
        """Trades that wait."""
        return sum(queue.waiting for queue in self.queues)

    @property
    def partitions_due(self) -> float:
        """Partitions with trades waiting."""
        return sum(queue.partitions_due for queue in self.queues)

    @property
    def claims_due(self) -> float:
        """Full claims that they make."""
        return sum(queue.claims_due for queue in self.queues)
