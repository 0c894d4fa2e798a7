"""Computes from a history how soon a deployment captured trades again after each fault."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import NamedTuple

from tests.support.faults.fault_injector import REPAIRED
from tests.support.faults.schedule import FaultKind
from tests.support.history.event import Answered, Event, Fault, Said

# Nothing can be captured until these faults end. During the other faults, some workers go on.
OUTAGES = {
    FaultKind.KILL_REDIS,
    FaultKind.FREEZE_REDIS,
    FaultKind.KILL_DATABASE,
    FaultKind.CUT_OFF_DATABASE,
}


class Recovery(NamedTuple):
    """How long a deployment took to capture again after one fault.

    Both times are in seconds. They start at the fault, or at its end if it is one of `OUTAGES`.
    None: there was nothing to capture.
    """

    kind: FaultKind
    target: str
    at_seconds: float  # when the fault was injected, by the machine's monotonic clock
    next_capture: float | None  # until any trade was captured
    # Until every trade was captured that had been accepted before, also those of a dead worker.
    caught_up: float | None


def recoveries(events: Iterable[Event], captures: Mapping[str, float]) -> list[Recovery]:
    """Return the recovery after each fault of a history.

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
    # Element n: when the last one of the first n + 1 accepted trades was captured.
    all_captured_at = list(accumulate((captured_at for _at, captured_at in accepted), max))
    sorted_captures = sorted(captures.values())
    result = []
    faults = [event for event in history if isinstance(event, Fault)]
    for number, fault in enumerate(faults):
        if fault.name == REPAIRED:
            continue
        kind = FaultKind(fault.name)
        since = faults[number + 1].at if kind in OUTAGES else fault.at
        next_index = bisect_right(sorted_captures, since)
        accepted_before = bisect_right(accepted_at, since)
        result.append(
            Recovery(
                kind,
                fault.target,
                fault.at,
                sorted_captures[next_index] - since if next_index < len(sorted_captures) else None,
                max(0.0, all_captured_at[accepted_before - 1] - since) if accepted_before else None,
            )
        )
    return result
