"""What a history tells of each trade that was sent: where, when, and how it was answered."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from tests.support.history.event import Answered, Event, Invoked, Said


@dataclass(slots=True)
class Sent:
    """What the history tells of one trade; of each document that was sent under its id."""

    partition: str
    invoked_at: float  # first
    accepted_at: float = inf  # first
    positions: set[int] = field(default_factory=set)
    open: Counter[str] = field(default_factory=Counter)  # digest -> invocations without a refusal

    @property
    def is_accepted(self) -> bool:
        """Whether it got a receipt."""
        return self.accepted_at < inf

    @property
    def is_refused(self) -> bool:
        """Whether each answer said that nothing of it was kept."""
        return not any(self.open.values())


def read_sent(events: Iterable[Event]) -> dict[str, Sent]:
    """Return what events, given oldest first, tell of each trade: id -> what was sent."""
    sent: dict[str, Sent] = {}
    last: dict[tuple[str, str], str] = {}  # process, trade id -> digest
    for event in events:
        if isinstance(event, Invoked):
            trade = sent.setdefault(event.trade_id, Sent(event.partition, event.at))
            trade.open[event.digest] += 1
            last[event.process, event.trade_id] = event.digest
        elif isinstance(event, Answered):
            trade = sent[event.trade_id]
            if event.said is Said.REFUSED:
                trade.open[last[event.process, event.trade_id]] -= 1
            elif event.said is Said.ACCEPTED:
                trade.accepted_at = min(trade.accepted_at, event.at)
                if event.position is not None:
                    trade.positions.add(event.position)
    return sent
