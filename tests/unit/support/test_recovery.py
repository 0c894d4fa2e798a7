"""The recovery times of a deployment are computed from its history."""

from tests.support.faults.fault_injector import REPAIRED
from tests.support.faults.recovery import Recovery, recoveries
from tests.support.faults.schedule import FaultKind
from tests.support.history.event import Answered, Event, Fault, Said


def accepted(at: float, trade_id: str) -> Answered:
    """Return the receipt of a trade."""
    return Answered(at, "submitter", trade_id, Said.ACCEPTED)


def test_the_next_capture_and_the_last_of_those_that_waited_are_found() -> None:
    """Catching up counts a dead worker's late trade, but no trade accepted after the fault."""
    kill = FaultKind.KILL_WORKER
    events: list[Event] = [
        accepted(1, "A"),
        accepted(2, "B"),
        Fault(3, "fault injector", kill, "w1"),
        accepted(4, "C"),
        Fault(5, "fault injector", REPAIRED, "w1"),
    ]
    captures = {"A": 9.0, "B": 3.5, "C": 20.0}
    assert recoveries(events, captures) == [Recovery(kill, "w1", 3, 0.5, 6.0)]


def test_an_outage_counts_from_its_end() -> None:
    """Recovery from an outage is measured from its end, as nothing can be captured before."""
    kill = FaultKind.KILL_DATABASE
    events: list[Event] = [
        accepted(1, "A"),
        Fault(2, "fault injector", kill, "PostgreSQL"),
        accepted(3, "B"),
        Fault(10, "fault injector", REPAIRED, "PostgreSQL"),
    ]
    captures = {"A": 1.5, "B": 10.25}
    assert recoveries(events, captures) == [Recovery(kill, "PostgreSQL", 2, 0.25, 0.25)]


def test_a_fault_with_nothing_to_capture_has_no_times() -> None:
    """Both times are None for a fault without a trade before or after it."""
    cut = FaultKind.CUT_CONNECTIONS
    events: list[Event] = [Fault(1, "fault injector", cut, "3 connections")]
    assert recoveries(events, {}) == [Recovery(cut, "3 connections", 1, None, None)]


def test_all_captured_before_the_fault_is_caught_up_at_once() -> None:
    """The time to catch up is 0, not negative, if all trades were captured before the fault."""
    cut = FaultKind.CUT_CONNECTIONS
    events: list[Event] = [accepted(1, "A"), Fault(2, "fault injector", cut, "3 connections")]
    assert recoveries(events, {"A": 1.5}) == [Recovery(cut, "3 connections", 2, None, 0.0)]
