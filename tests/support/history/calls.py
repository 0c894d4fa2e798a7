"""Calls of many trades: behind one that was not accepted, none of its partition may be."""

from collections.abc import Iterable, Iterator

from tests.support.history.event import Answered, Event, Invoked, Said
from tests.support.history.finding import Finding, Kind


def overtaken(events: Iterable[Event]) -> Iterator[Finding]:
    """Yield each trade that was accepted although one before it in the same call was not."""
    partitions: dict[str, str] = {}
    under_way: dict[tuple[str, str], list[str]] = {}  # process, partition -> ids as they were sent
    resent: set[tuple[str, str]] = set()  # process, id; what was sent before may be there already
    behind: dict[tuple[str, str], str] = {}  # process, id -> one before it that was not accepted
    for event in events:
        if isinstance(event, Invoked):
            mine = (event.process, event.trade_id)
            if event.trade_id in partitions:
                resent.add(mine)
            partitions[event.trade_id] = event.partition
            behind.pop(mine, None)
            under_way.setdefault((event.process, event.partition), []).append(event.trade_id)
        elif isinstance(event, Answered):
            mine = (event.process, event.trade_id)
            ids = under_way[event.process, partitions[event.trade_id]]
            if event.trade_id in ids:
                del ids[: ids.index(event.trade_id) + 1]
            if event.said is Said.UNKNOWN:
                behind |= {(event.process, later): event.trade_id for later in ids}
            elif event.said is Said.ACCEPTED and mine in behind and mine not in resent:
                detail = f"accepted, though {behind[mine]}, before it in the same call, was not"
                yield Finding(Kind.REORDERED, event.trade_id, detail)
