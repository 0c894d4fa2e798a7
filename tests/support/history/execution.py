"""Simulates a deployment without errors, which arbitrary steps drive."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import count

from tests.support.history.event import Answered, Event, Invoked, Said
from tests.support.history.evidence import CapturedTrade, Evidence, RecordedTrade
from tradecapture.trades.lifecycle import Outcome

EPOCH = 1
PROCESSES, PARTITIONS = 3, 2
# The kinds of step. A step is a number, taken modulo their count.
ACTIONS = ("send", "resend", "arrive", "answer", "break", "refuse", "capture", "park")


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade that a process sends."""

    trade_id: str
    partition: str
    valid: bool

    @property
    def digest(self) -> str:
        """The digest of its document, made from its id."""
        return f"digest of {self.trade_id}"


class Execution:
    """Processes that send trades, inboxes that accept them, and a worker that captures."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._numbers, self._seconds = count(1), count(1)
        self._trades: list[Trade] = []
        self._unanswered: dict[int, Trade] = {}  # process -> trade whose answer it waits for
        self._in_transit: list[Trade] = []  # sent and not yet arrived; some arrive late
        self._positions: dict[str, int] = {}  # trade id -> position
        self._accepted: dict[str, int] = defaultdict(int)  # partition -> last position
        self._inboxes: dict[str, list[Trade]] = defaultdict(list)
        self._captured: list[CapturedTrade] = []
        self._recorded: list[RecordedTrade] = []
        self._counted: dict[str, int] = defaultdict(int)

    def step(self, action: int, process: int, choice: int) -> None:
        """Do one step if it is possible now.

        Args:
            action: index into `ACTIONS`, modulo their count.
            process: that acts, modulo `PROCESSES`.
            choice: chooses the trade or the partition of the step.
        """
        name = ACTIONS[action % len(ACTIONS)]
        process %= PROCESSES
        waits_for = self._unanswered.get(process)
        if name == "send" and waits_for is None:
            number = next(self._numbers)
            trade = Trade(f"T{number}", f"P{choice % PARTITIONS}", valid=choice % 7 != 0)
            self._trades.append(trade)
            self._send(process, trade)
        elif name == "resend" and waits_for is None and self._trades:
            self._send(process, self._trades[choice % len(self._trades)])
        elif name == "arrive" and self._in_transit:
            self._arrive(self._in_transit.pop(choice % len(self._in_transit)))
        elif name == "answer" and waits_for and waits_for.trade_id in self._positions:
            self._answer(process, Said.ACCEPTED, self._positions[waits_for.trade_id])
        elif name == "refuse" and waits_for and not waits_for.valid:
            self._answer(process, Said.REFUSED)
        elif name == "break" and waits_for:
            self._answer(process, Said.UNKNOWN)
        elif name == "capture":
            self._capture(f"P{choice % PARTITIONS}")
        elif name == "park":
            self._park(f"P{choice % PARTITIONS}")

    def evidence(self) -> Evidence:
        """Return what the ledger and the inboxes hold now."""
        waiting = {
            trade.trade_id: self._positions[trade.trade_id]
            for inbox in self._inboxes.values()
            for trade in inbox
        }
        return Evidence(list(self._captured), list(self._recorded), waiting, dict(self._counted))

    def _send(self, process: int, trade: Trade) -> None:
        at, name = float(next(self._seconds)), f"process {process}"
        self.events.append(Invoked(at, name, trade.trade_id, trade.partition, trade.digest))
        self._unanswered[process] = trade
        if trade.valid:
            self._in_transit.append(trade)

    def _arrive(self, trade: Trade) -> None:
        if trade.trade_id not in self._positions:
            self._accepted[trade.partition] += 1
            self._positions[trade.trade_id] = self._accepted[trade.partition]
            self._inboxes[trade.partition].append(trade)

    def _answer(self, process: int, said: Said, position: int | None = None) -> None:
        trade = self._unanswered.pop(process)
        at, name = float(next(self._seconds)), f"process {process}"
        self.events.append(Answered(at, name, trade.trade_id, said, position))

    def _capture(self, partition: str) -> None:
        if self._inboxes[partition]:
            trade = self._inboxes[partition].pop(0)
            self._counted[partition] += 1
            place = (self._counted[partition], EPOCH, self._positions[trade.trade_id])
            self._captured.append(CapturedTrade(trade.trade_id, partition, *place, trade.digest))

    def _park(self, partition: str) -> None:
        if self._inboxes[partition]:
            trade = self._inboxes[partition].pop(0)
            place = (EPOCH, self._positions[trade.trade_id])
            self._recorded.append(
                RecordedTrade(trade.trade_id, partition, *place, trade.digest, Outcome.PARKED)
            )
