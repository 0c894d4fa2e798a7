"""The backlog: how many trades wait, how fast they drain, and when a client may retry."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import submissions
from tests.support.inbox.redis_snapshot import claimed
from tradecapture.inbox import Completion, Inbox, InboxReader, LaneBacklog
from tradecapture.inbox.backlog import Backlog, retry_after
from tradecapture.settings import Settings


@dataclass
class Clock:
    """A monotonic clock that a test sets."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


def capture(inbox: Inbox, trades: int) -> None:
    """Complete the oldest trades."""
    claim = claimed(inbox)
    inbox.complete(0, claim.token, [Completion(claim.partition_keys[0], trades)])


@pytest.mark.parametrize(
    ("waiting", "rate", "seconds"),
    [
        (1000, None, 2),  # unknown, but not for long
        (1000, 0.0, 60),  # nothing drains
        (1000, 10.0, 10),  # down to 900
        (1000, 30.0, 4),  # whole seconds, upwards
        (1000, 1e9, 1),
        (1000, 0.001, 60),
        (100, 10.0, 1),  # there is room
    ],
)
def test_a_client_retries_when_a_tenth_is_free(
    waiting: int, rate: float | None, seconds: int
) -> None:
    """The wait follows from the measured rate, at least 1 s and at most 60 s."""
    assert retry_after(waiting, 1000, rate) == seconds


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.none() | st.floats(0, 1e9))
def test_every_wait_is_one_to_sixty_seconds(waiting: int, limit: int, rate: float | None) -> None:
    """For any numbers."""
    assert 1 <= retry_after(waiting, limit, rate) <= 60


def test_the_lanes_are_counted(inbox: Inbox, settings: Settings) -> None:
    """Waiting and completed trades are counted; a completion sent twice counts once."""
    reader = InboxReader(inbox.redis, settings.lanes)
    assert reader.backlog() == [LaneBacklog(0, waiting=0, completed=0)]
    inbox.accept([*submissions(3, "B1"), *submissions(3, "B1")])
    claim = claimed(inbox)
    for _ in range(2):
        inbox.complete(0, claim.token, [Completion(claim.partition_keys[0], 2)])
    assert reader.backlog() == [LaneBacklog(0, waiting=1, completed=2)]


def test_only_trades_that_were_there_are_counted_as_left(inbox: Inbox, settings: Settings) -> None:
    """A completion of more trades than wait counts only those that waited."""
    inbox.accept(submissions(2, "B1"))
    capture(inbox, trades=7)
    backlog = InboxReader(inbox.redis, settings.lanes).backlog()
    assert backlog == [LaneBacklog(0, waiting=0, completed=2)]


def test_a_reading_serves_for_a_quarter_of_a_second(inbox: Inbox) -> None:
    """A process adds its own trades at once, and sees those of others at the next reading."""
    clock = Clock()
    backlog = Backlog(inbox.redis, 1, clock)
    assert backlog.total == 0
    backlog.refresh()
    inbox.accept(submissions(5, "B1"))
    clock.seconds = 0.2
    backlog.refresh()
    assert backlog.total == 0
    backlog.note_accepted(2)
    assert backlog.total == 2
    clock.seconds = 0.25
    backlog.refresh()
    assert backlog.total == 5


def test_the_drain_rate_is_that_of_the_last_seconds(inbox: Inbox) -> None:
    """It is unknown at first, and covers no time before the window."""
    clock = Clock()
    backlog = Backlog(inbox.redis, 1, clock)
    inbox.accept(submissions(100, "B1"))
    assert backlog.rate() is None
    backlog.refresh()
    assert backlog.rate() is None
    capture(inbox, trades=50)
    clock.seconds = 0.5
    backlog.refresh()
    assert backlog.rate() is None
    clock.seconds = 5.0
    backlog.refresh()
    assert backlog.rate() == backlog.rate(0) == 10.0
    clock.seconds = 14.0
    backlog.refresh()
    assert backlog.rate() == 0.0


def test_an_emptied_redis_begins_a_new_measurement(inbox: Inbox) -> None:
    """The rate is unknown again when the completed trades are fewer than before."""
    clock = Clock()
    backlog = Backlog(inbox.redis, 1, clock)
    inbox.accept(submissions(10, "B1"))
    capture(inbox, trades=10)
    backlog.refresh()
    inbox.redis.flushall()
    clock.seconds = 5.0
    backlog.refresh()
    assert (backlog.total, backlog.rate()) == (0, None)
