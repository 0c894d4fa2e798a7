"""The clients: they send trades as they come up, and again those that were refused. Pure."""

from random import Random

from benchmarks.autoscaling.inboxes import Inboxes
from benchmarks.autoscaling.lanes import Lanes
from benchmarks.autoscaling.limits import Limits
from benchmarks.autoscaling.line import MIN_TRADES, Cohort, Line
from tradecapture.cli.commands.submit.sending import CHUNK_TRADES

# Of a stream, with as many partitions each. Who comes first into what room there is, is chance; of
# so many clients somebody is always unlucky.
CLIENTS = 100


class _Client:
    """Sends the trades of its partitions in their order, as `tradecapture submit` does.

    Behind one that was refused it keeps those that come up later, and it never gives up.
    """

    def __init__(self) -> None:
        self.kept = Line()
        self.back_at = 0  # second before which it sends nothing: `Retry-After`


class Clients:
    """The clients of some inboxes."""

    def __init__(self, lanes: Lanes, inboxes: Inboxes, limits: Limits) -> None:
        """Prepare clients that have sent nothing yet."""
        self._lanes, self._inboxes, self._limits = lanes, inboxes, limits
        self._clients = [_Client() for _ in range(min(CLIENTS, inboxes.stream.partitions))]
        self._chance = Random(0)  # noqa: S311 - the same day each time, and no secret
        self.kept = 0.0  # trades that were not accepted yet
        self.refused = 0.0  # trades of which the answer was 429 or 503; each time counts

    def send(self, second: int) -> None:
        """Send what comes up in a second, and again what is to be sent again."""
        new = self._inboxes.stream.rate(second)
        if not self.kept and new <= self._limits.room(self._lanes, self._inboxes).trades:
            self._inboxes.accept([Cohort(second, new)])
            return
        sending = list[_Client]()
        for client in self._clients:
            client.kept.join(Cohort(second, new / len(self._clients)))
            if client.back_at <= second:
                sending.append(client)
        self._send_in_turn(sending, second)
        self.kept = sum(client.kept.trades for client in self._clients)

    def _send_in_turn(self, sending: list[_Client], second: int) -> None:
        """Let clients make one call after another, side by side, until all is sent or refused."""
        self._chance.shuffle(sending)
        room, scope = self._limits.room(self._lanes, self._inboxes)
        refused = list[_Client]()
        while sending:
            accepted = list[_Client]()
            for client in sending:
                there = min(client.kept.trades, CHUNK_TRADES)
                taken = max(0.0, min(there, room))
                if taken:
                    self._inboxes.accept(client.kept.take(taken))
                    room -= taken
                if there - taken > MIN_TRADES:
                    self.refused += there - taken
                    refused.append(client)
                elif client.kept.trades:
                    accepted.append(client)
            sending = accepted
        if refused:
            seconds = self._limits.retry_after(scope, self._lanes, self._inboxes)
            for client in refused:
                client.back_at = second + seconds

    def waits(self, now: int) -> list[tuple[float, float]]:
        """Return how long trades have waited that were not accepted yet, and how many so long."""
        return [(now - sent, trades) for c in self._clients for sent, trades in c.kept]
