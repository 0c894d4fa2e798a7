"""The simulation: a fleet under an autoscaler, second by second, for a day. No I/O."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks.autoscaling.arrivals import DAY_SECONDS, Stream
from benchmarks.autoscaling.autoscaler import SYNC_SECONDS, Autoscaler, Policy
from benchmarks.autoscaling.clients import Clients
from benchmarks.autoscaling.costs import IDLE_CPU, costs_of
from benchmarks.autoscaling.inboxes import group_lanes
from benchmarks.autoscaling.limits import Limits
from tradecapture.settings import Settings

# From the decision until a pod captures: scheduling, the image from the node's cache, the start of
# Python, the first heartbeat. If a node must be created first, it takes minutes.
START_SECONDS = 30
METRICS_SECONDS = 30  # age of a CPU reading: the intervals of kubelet and the metrics server


class SimulatedFleet:
    """All clients and inboxes, and the worker processes that capture from them."""

    def __init__(self, streams: tuple[Stream, ...], settings: Settings) -> None:
        lanes = group_lanes(streams, costs_of(settings), settings.lanes)
        limits = Limits(lanes, settings)
        inboxes = [part for group in lanes for part in group.inboxes]
        self.clients = [Clients(group, part, limits) for group in lanes for part in group.inboxes]
        # The partition that is due longest is claimed first. Streams with few partitions have
        # long queues, so they come first.
        self.inboxes = sorted(inboxes, key=lambda part: part.stream.partitions)

    def pass_second(self, second: int, processes: int) -> float:
        """Simulate one second with this many processes; return the processors used."""
        for clients in self.clients:
            clients.send(second)
        free, used = float(processes), 0.0
        for inboxes in self.inboxes:
            busy = inboxes.capture(second, free)
            used += inboxes.cpu_seconds(free)
            free -= busy
        return used

    def waits(self, now: int) -> list[tuple[float, float]]:
        """Return pairs: seconds from the first sending, and the trades that waited as long.

        Args:
            now: the second up to which trades that are not captured have waited.
        """
        waits = [wait for inboxes in self.inboxes for wait in inboxes.waits(now)]
        return waits + [wait for clients in self.clients for wait in clients.waits(now)]

    @property
    def waiting(self) -> float:
        """Trades that wait in inboxes."""
        return sum(inboxes.waiting for inboxes in self.inboxes)

    @property
    def kept(self) -> float:
        """Trades that clients still have to send."""
        return sum(clients.kept for clients in self.clients)

    @property
    def refused(self) -> float:
        """Trades refused so far; each refusal counts."""
        return sum(clients.refused for clients in self.clients)

    @property
    def partitions_due(self) -> float:
        """Partitions with waiting trades."""
        return sum(inboxes.partitions_due for inboxes in self.inboxes)

    @property
    def claims_due(self) -> float:
        """Full claims that the due partitions make."""
        return sum(inboxes.claims_due for inboxes in self.inboxes)


# Returns the value of a metric from the fleet and the processors used in each second.
Metric = Callable[[SimulatedFleet, Sequence[float]], float]


def claims_due(fleet: SimulatedFleet, _processors: Sequence[float]) -> float:
    """Full claims due; the deployed metric."""
    return fleet.claims_due


def partitions_due(fleet: SimulatedFleet, _processors: Sequence[float]) -> float:
    """Partitions due, however many trades wait in each."""
    return fleet.partitions_due


def queue_length(fleet: SimulatedFleet, _processors: Sequence[float]) -> float:
    """Waiting trades, in whichever partition."""
    return fleet.waiting


def processors(_fleet: SimulatedFleet, used: Sequence[float]) -> float:
    """Processors that the pods used, as the metrics server reports them."""
    reported = used[-2 * METRICS_SECONDS : -METRICS_SECONDS] or used
    return sum(reported) / len(reported) if reported else 0.0


class DayResult(NamedTuple):
    """The result of a simulated day."""

    pods: list[int]  # in each second
    waiting: list[float]  # trades in Redis, in each second
    kept: list[float]  # trades that clients have to send again, in each second
    refused: float  # trades; each refusal counts
    waits: list[tuple[float, float]]  # seconds from the first sending, and trades that waited so
    changes: int  # of the number of pods
    turns: int  # changes in the opposite direction of the change before

    @property
    def pod_hours(self) -> float:
        """What the day costs."""
        return sum(self.pods) / 3600

    def late(self, seconds: float) -> float:
        """Return the share of trades that waited longer than this."""
        total = sum(trades for _wait, trades in self.waits)
        return sum(trades for wait, trades in self.waits if wait > seconds) / total

    def wait_seconds(self, share: float) -> float:
        """Return the wait that this share of the trades does not exceed."""
        left, wait_seconds = share * sum(trades for _wait, trades in self.waits), 0.0
        for wait, trades in sorted(self.waits):
            left, wait_seconds = left - trades, wait
            if left <= 0:
                break
        return wait_seconds


def simulate(
    streams: tuple[Stream, ...],
    policy: Policy,
    metric: Metric,
    concurrency: int,
    settings: Settings,
    during: range = range(DAY_SECONDS),
) -> DayResult:
    """Simulate a day or a part of it.

    Args:
        streams: the trades that arrive.
        policy: of the autoscaler.
        metric: what the autoscaler looks at.
        concurrency: processes of a pod.
        settings: of the fleet; its limits and batches count.
        during: the seconds of the day.
    """
    fleet = SimulatedFleet(streams, settings)
    autoscaler = Autoscaler(policy, policy.min_pods)
    ready, starting = policy.min_pods, list[int]()  # seconds at which pods will be ready
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
    return DayResult(pods, waiting, kept, fleet.refused, waits, len(directions), turns)
