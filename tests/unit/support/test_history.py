"""A history keeps the events of all processes in files and reads them back in order."""

from itertools import count
from pathlib import Path

from tests.support.history.event import Answered, Fault, Invoked, Said
from tests.support.history.history import History


def test_the_logs_of_all_processes_are_merged_by_time(tmp_path: Path) -> None:
    """Each process writes its own file, and `events` returns all events, oldest first."""
    seconds = count(1)
    history = History(tmp_path, clock=lambda: float(next(seconds)))
    one, other = history.log("one"), history.log("other")
    one.invoked("T-1", "P", "d1")
    other.fault("kill", "worker")
    one.answered("T-1", Said.ACCEPTED, position=1)
    other.answered("T-2", Said.UNKNOWN, detail="connection reset")
    events = History(tmp_path).events()
    assert events == [
        Invoked(1.0, "one-1", "T-1", "P", "d1"),
        Fault(2.0, "other-2", "kill", "worker"),
        Answered(3.0, "one-1", "T-1", Said.ACCEPTED, 1),
        Answered(4.0, "other-2", "T-2", Said.UNKNOWN, None, "connection reset"),
    ]
    for log in (one, other):
        log.close()


def test_what_was_accepted_is_listed_once(tmp_path: Path) -> None:
    """A trade that got two receipts is listed once."""
    history = History(tmp_path)
    log = history.log("one")
    for trade_id, said in [
        ("T-1", Said.UNKNOWN),
        ("T-1", Said.ACCEPTED),
        ("T-2", Said.REFUSED),
        ("T-1", Said.ACCEPTED),
    ]:
        log.answered(trade_id, said)
    log.close()
    assert history.accepted() == ["T-1"]
