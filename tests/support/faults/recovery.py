"""Recoveries: how soon a deployment captured again after each fault. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import NamedTuple

from tests.support.faults.fault_injector import MENDED
from tests.support.faults.schedule import FaultKind
from tests.support.history.event import Answered, Event, Fault, Said

# Nothing can be captured before these have ended; of the others, somebody else does the work.
OUTAGES = {
    FaultKind.KILL_REDIS,
    FaultKind.FREEZE_REDIS,
    FaultKind.KILL_DATABASE,
    FaultKind.CUT_OFF_DATABASE,
}


class Recovery(NamedTuple):
    """One fault, and the two times after it, in seconds; None: there was nothing to capture.

    They count from the fault itself; from its end where nothing could be captured before.
    """

    kind: FaultKind
    target: str
    at_seconds: float  # of the machine's monotonic clock
    next_capture: float | None  # of any trade
    caught_up: float | None  # of every trade accepted until then: also those of a dead worker


def recoveries(events: Iterable[Event], captures: Mapping[str, float]) -> list[Recovery]:
    """Return what followed each fault of a history.

    Args:
        events: oldest first.
        captures: trade id -> when it was captured, in seconds of the monotonic clock.
    """
    history = list(events)
    accepted = [
        (event.at, captures[event.trade_id])
        for event in history
        if isinstance(event, Answered)
        and event.said is Said.ACCEPTED
        and event.trade_id in captures
    ]
    accepted_at = [at for at, _captured_at in accepted]
    # Of the trades accepted so far, the one that was captured last.
    all_captured_at = list(accumulate((captured_at for _at, captured_at in accepted), max))
    in_order = sorted(captures.values())
    found = []
    faults = [event for event in history if isinstance(event, Fault)]
    for number, fault in enumerate(faults):
        if fault.name == MENDED:
            continue
        kind = FaultKind(fault.name)
        since = faults[number + 1].at if kind in OUTAGES else fault.at
        after, before = bisect_right(in_order, since), bisect_right(accepted_at, since)
        found.append(
            Recovery(
                kind,
                fault.target,
                fault.at,
                in_order[after] - since if after < len(in_order) else None,
                max(0.0, all_captured_at[before - 1] - since) if before else None,
            )
        )
    return found
