"""Summarises a history by trade: when each trade was sent, and how it was answered."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from tests.support.history.event import Answered, Event, Invoked, Said


@dataclass(slots=True)
class Sent:
    """All sendings of one trade id, which may have had different documents, and their answers."""

    partition: str
    invoked_at: float  # when it was first sent
    accepted_at: float = inf  # when it first got a receipt
    positions: set[int] = field(default_factory=set)
    open: Counter[str] = field(default_factory=Counter)  # digest -> invocations without a refusal

    @property
    def is_accepted(self) -> bool:
        """Whether it got a receipt."""
        return self.accepted_at < inf

    @property
    def is_refused(self) -> bool:
        """Whether it was refused each time that it was sent."""
        return not any(self.open.values())


def read_sent(events: Iterable[Event]) -> dict[str, Sent]:
    """Return trade id -> summary of its events.

    Args:
        events: oldest first.
    """
    sent: dict[str, Sent] = {}
    last_digests: dict[tuple[str, str], str] = {}  # process, trade id -> digest of the last sending
    for event in events:
        if isinstance(event, Invoked):
            trade = sent.setdefault(event.trade_id, Sent(event.partition, event.at))
            trade.open[event.digest] += 1
            last_digests[event.process, event.trade_id] = event.digest
        elif isinstance(event, Answered):
            trade = sent[event.trade_id]
            if event.said is Said.REFUSED:
                trade.open[last_digests[event.process, event.trade_id]] -= 1
            elif event.said is Said.ACCEPTED:
                trade.accepted_at = min(trade.accepted_at, event.at)
                if event.position is not None:
                    trade.positions.add(event.position)
    return sent
