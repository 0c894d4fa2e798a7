"""The simulation: a day of a fleet under an autoscaler. Pure."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks.autoscaling.autoscaler import SYNC_SECONDS, Autoscaler, Policy
from benchmarks.autoscaling.costs import IDLE_CPU
from benchmarks.autoscaling.day import DAY_SECONDS, Stream
from benchmarks.autoscaling.fleet import Fleet
from tradecapture.settings import Settings

# From the decision until a pod captures: scheduling, the image from the node's cache, the start of
# Python, the first beat. A node that must be made first takes minutes more.
START_SECONDS = 30
METRICS_SECONDS = 30  # how old a reading of processors is: kubelet's and the metrics server's time

Metric = Callable[[Fleet, Sequence[float]], float]  # the fleet, processors used each second


def claims_due(fleet: Fleet, _processors: Sequence[float]) -> float:
    """The metric that is deployed."""
    return fleet.claims_due


def partitions_due(fleet: Fleet, _processors: Sequence[float]) -> float:
    """Partitions, whatever waits in each."""
    return fleet.partitions_due


def queue_length(fleet: Fleet, _processors: Sequence[float]) -> float:
    """Trades, whichever partition they wait in."""
    return fleet.waiting


def processors(_fleet: Fleet, used: Sequence[float]) -> float:
    """Processors that the pods used, as the metrics server knew it."""
    known = used[-2 * METRICS_SECONDS : -METRICS_SECONDS] or used
    return sum(known) / len(known) if known else 0.0


class Outcome(NamedTuple):
    """What a day was like."""

    pods: list[int]  # there, each second
    waiting: list[float]  # trades in Redis, each second
    kept: list[float]  # trades that clients have to send again, each second
    refused: float  # trades; each time counts
    waits: list[tuple[float, float]]  # seconds from first sending, and trades that waited so long
    changes: int  # of the number of pods wanted
    turns: int  # changes in the other direction than the one before

    @property
    def pod_hours(self) -> float:
        """What the day costs."""
        return sum(self.pods) / 3600

    def late(self, seconds: float) -> float:
        """Return the share of the trades that waited for longer."""
        total = sum(trades for _wait, trades in self.waits)
        return sum(trades for wait, trades in self.waits if wait > seconds) / total

    def wait_seconds(self, share: float) -> float:
        """Return the wait that so large a share of the trades does not exceed."""
        left, longest = share * sum(trades for _wait, trades in self.waits), 0.0
        for wait, trades in sorted(self.waits):
            left, longest = left - trades, wait
            if left <= 0:
                break
        return longest


def simulate(
    streams: tuple[Stream, ...],
    policy: Policy,
    metric: Metric,
    concurrency: int,
    settings: Settings,
    during: range = range(DAY_SECONDS),
) -> Outcome:
    """Let a day pass, or a part of it."""
    fleet = Fleet(streams, settings)
    autoscaler = Autoscaler(policy, policy.least)
    ready, starting = policy.least, list[int]()  # seconds at which pods will be ready
    pods, waiting, kept, used = list[int](), list[float](), list[float](), list[float]()
    directions = list[int]()
    for second in during:
        if second % SYNC_SECONDS == 0 and used:
            before = autoscaler.replicas
            change = autoscaler.decide(second, metric(fleet, used)) - before
            if change > 0:
                starting += [second + START_SECONDS] * change
            else:
                while change < 0 and starting:
                    starting.pop()
                    change += 1
                ready += change
            if autoscaler.replicas != before:
                directions.append(1 if autoscaler.replicas > before else -1)
        ready += sum(1 for at in starting if at <= second)
        starting = [at for at in starting if at > second]
        busy = fleet.pass_second(second, ready * concurrency)
        used.append(busy + ready * IDLE_CPU)
        pods.append(ready + len(starting))
        waiting.append(fleet.waiting)
        kept.append(fleet.kept)
    turns = sum(1 for before, after in pairwise(directions) if before != after)
    waits = fleet.waits(during.stop)
    return Outcome(pods, waiting, kept, fleet.refused, waits, len(directions), turns)
