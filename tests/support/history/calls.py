"""Checks calls of many trades: after a trade that was not accepted, none of its partition may be.

A call is a sequence of trades that a process sends before it gets the first answer.
"""

from collections.abc import Iterable, Iterator

from tests.support.history.event import Answered, Event, Invoked, Said
from tests.support.history.finding import Finding, Kind


def overtaken(events: Iterable[Event]) -> Iterator[Finding]:
    """Yield each trade that was accepted although one before it in the same call was not."""
    partitions: dict[str, str] = {}  # trade id -> partition
    unanswered: dict[tuple[str, str], list[str]] = {}  # process, partition -> ids as they were sent
    resent: set[tuple[str, str]] = set()  # process, id; an earlier sending may have been accepted
    # Process, id -> a trade before it in the same call that was not accepted.
    overtakes: dict[tuple[str, str], str] = {}
    for event in events:
        if isinstance(event, Invoked):
            sending = (event.process, event.trade_id)
            if event.trade_id in partitions:
                resent.add(sending)
            partitions[event.trade_id] = event.partition
            overtakes.pop(sending, None)
            unanswered.setdefault((event.process, event.partition), []).append(event.trade_id)
        elif isinstance(event, Answered):
            sending = (event.process, event.trade_id)
            ids = unanswered[event.process, partitions[event.trade_id]]
            if event.trade_id in ids:
                del ids[: ids.index(event.trade_id) + 1]
            if event.said is Said.UNKNOWN:
                overtakes |= {(event.process, later): event.trade_id for later in ids}
            elif event.said is Said.ACCEPTED and sending in overtakes and sending not in resent:
                first = overtakes[sending]
                detail = f"accepted, though {first}, before it in the same call, was not"
                yield Finding(Kind.REORDERED, event.trade_id, detail)
