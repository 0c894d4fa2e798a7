"""The fleet: clients that send, inboxes, and processes that capture, second by second. Pure."""

from benchmarks.autoscaling.clients import Clients
from benchmarks.autoscaling.costs import costs_of
from benchmarks.autoscaling.day import Stream
from benchmarks.autoscaling.lanes import lanes_of
from benchmarks.autoscaling.limits import Limits
from tradecapture.settings import Settings


class Fleet:
    """All inboxes, and the processes that serve the fullest first."""

    def __init__(self, streams: tuple[Stream, ...], settings: Settings) -> None:
        """Prepare an empty fleet."""
        lanes = lanes_of(streams, costs_of(settings), settings.lanes)
        limits = Limits(lanes, settings)
        inboxes = [part for group in lanes for part in group.inboxes]
        self.clients = [Clients(group, part, limits) for group in lanes for part in group.inboxes]
        # A partition that is due longest goes first: those of few, whose lines are long.
        self.inboxes = sorted(inboxes, key=lambda part: part.stream.partitions)

    def pass_second(self, second: int, processes: int) -> float:
        """Let a second pass; return the processors that were used."""
        for clients in self.clients:
            clients.send(second)
        left, used = float(processes), 0.0
        for inboxes in self.inboxes:
            busy = inboxes.capture(second, left)
            used += inboxes.cpu_seconds(left)
            left -= busy
        return used

    def waits(self, now: int) -> list[tuple[float, float]]:
        """Return how long trades waited from when they were first sent, and how many so long.

        Args:
            now: the second until which those that are not captured have waited.
        """
        waits = [wait for inboxes in self.inboxes for wait in inboxes.waits(now)]
        return waits + [wait for clients in self.clients for wait in clients.waits(now)]

    @property
    def waiting(self) -> float:
        """Trades that wait in inboxes."""
        return sum(inboxes.waiting for inboxes in self.inboxes)

    @property
    def kept(self) -> float:
        """Trades that wait with their clients."""
        return sum(clients.kept for clients in self.clients)

    @property
    def refused(self) -> float:
        """Trades that were refused so far; each time counts."""
        return sum(clients.refused for clients in self.clients)

    @property
    def partitions_due(self) -> float:
        """Partitions with trades waiting."""
        return sum(inboxes.partitions_due for inboxes in self.inboxes)

    @property
    def claims_due(self) -> float:
        """Full claims that they make."""
        return sum(inboxes.claims_due for inboxes in self.inboxes)
