"""Simulated clients: they send trades as these come up, and send refused trades again. No I/O."""

from random import Random

from benchmarks.autoscaling.inboxes import MIN_TRADES, Cohort, Inboxes, LaneGroup, TradeQueue
from benchmarks.autoscaling.limits import Limits
from tradecapture.cli.commands.submit.sending import CHUNK_TRADES

# Clients of a stream, each with the same number of partitions. Chance decides which client gets
# the remaining room; with this many, some client is always unlucky.
CLIENTS = 100


class _Client:
    """Sends the trades of its partitions in order, as `tradecapture submit` does.

    It keeps all trades after a refused one, and it never gives up.
    """

    def __init__(self) -> None:
        self.kept = TradeQueue()
        self.back_at = 0  # second before which it sends nothing, because of `Retry-After`


class Clients:
    """The clients that submit to some inboxes."""

    def __init__(self, lanes: LaneGroup, inboxes: Inboxes, limits: Limits) -> None:
        self._lanes, self._inboxes, self._limits = lanes, inboxes, limits
        self._clients = [_Client() for _ in range(min(CLIENTS, inboxes.stream.partitions))]
        self._random = Random(0)  # noqa: S311 - the same day each time, no secret
        self.kept = 0.0  # trades that are not accepted yet
        self.refused = 0.0  # trades that were answered 429 or 503; each answer counts

    def send(self, second: int) -> None:
        """Send the new trades of a second, and the kept trades of clients that may send again."""
        new = self._inboxes.stream.rate(second)
        if not self.kept and new <= self._limits.room(self._lanes, self._inboxes).trades:
            self._inboxes.accept([Cohort(second, new)])
            return
        sending = list[_Client]()
        for client in self._clients:
            client.kept.append(Cohort(second, new / len(self._clients)))
            if client.back_at <= second:
                sending.append(client)
        self._send_in_turn(sending, second)
        self.kept = sum(client.kept.trades for client in self._clients)

    def _send_in_turn(self, sending: list[_Client], second: int) -> None:
        """Let clients send one call each, in turn, until everything is sent or refused."""
        self._random.shuffle(sending)
        room, scope = self._limits.room(self._lanes, self._inboxes)
        refused = list[_Client]()
        while sending:
            accepted = list[_Client]()
            for client in sending:
                in_call = min(client.kept.trades, CHUNK_TRADES)
                taken = max(0.0, min(in_call, room))
                if taken:
                    self._inboxes.accept(client.kept.take(taken))
                    room -= taken
                if in_call - taken > MIN_TRADES:
                    self.refused += in_call - taken
                    refused.append(client)
                elif client.kept.trades:
                    accepted.append(client)
            sending = accepted
        if refused:
            seconds = self._limits.retry_after(scope, self._lanes, self._inboxes)
            for client in refused:
                client.back_at = second + seconds

    def waits(self, now: int) -> list[tuple[float, float]]:
        """Return pairs for trades that are not accepted yet: seconds waited, and trades."""
        return [(now - sent, trades) for c in self._clients for sent, trades in c.kept]
