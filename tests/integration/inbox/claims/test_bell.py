"""The bell: one at most is waiting for a lane, and a due partition is not without one for long."""

from dataclasses import replace

from tests.support.builders import partition_of, submissions
from tests.support.inbox.redis_snapshot import KEYS, claimed, until_gone
from tradecapture.inbox import Hold, Inbox
from tradecapture.settings import Settings
from tradecapture.trades.partition import lane_of

ONE = partition_of("B1")


def test_the_first_trade_rings_and_the_next_do_not(inbox: Inbox) -> None:
    """So one message leads to the capture of hundreds of trades under load."""
    assert inbox.accept(submissions(1, "B1")).lanes_to_ring == [0]
    assert inbox.accept(submissions(3, "B1")).lanes_to_ring == []
    assert inbox.accept(submissions(1, "B2")).lanes_to_ring == []


def test_a_bell_that_was_heard_may_be_rung_again(inbox: Inbox) -> None:
    """A worker clears the bell before it claims, so trades accepted later ring again."""
    inbox.accept(submissions(1, "B1"))
    inbox.clear_bell(0)
    assert inbox.accept(submissions(2, "B1")).lanes_to_ring == [0]


def test_a_claimed_partition_does_not_ring(inbox: Inbox) -> None:
    """Its owner finds the new trades anyway; another partition of the lane rings."""
    inbox.accept(submissions(1, "B1"))
    inbox.clear_bell(0)
    claimed(inbox)
    assert inbox.accept(submissions(2, "B1")).lanes_to_ring == []
    assert inbox.accept(submissions(1, "B2")).lanes_to_ring == [0]


def test_a_postponed_partition_does_not_ring(inbox: Inbox, settings: Settings) -> None:
    """New trades do not cut a backoff short."""
    slow = Inbox(inbox.redis, replace(settings, backoff_seconds=10, backoff_limit_seconds=60))
    slow.accept(submissions(1, "B1"))
    slow.clear_bell(0)
    slow.postpone(0, claimed(slow).token, [ONE], 1.0)
    assert slow.accept(submissions(2, "B1")).lanes_to_ring == []


def test_a_resend_does_not_ring(inbox: Inbox) -> None:
    """It adds no trade."""
    inbox.accept(submissions(1, "B1"))
    inbox.clear_bell(0)
    assert inbox.accept(submissions(1, "B1")).lanes_to_ring == []


def test_each_lane_has_a_bell_of_its_own(inbox: Inbox, settings: Settings) -> None:
    """A batch for many lanes returns each lane whose bell must be rung, once."""
    many = Inbox(inbox.redis, replace(settings, lanes=4))
    batch = [s for number in range(40) for s in submissions(2, f"B{number}")]
    lanes = {lane_of(submission.partition_key, 4) for submission in batch}
    assert many.accept(batch).lanes_to_ring == sorted(lanes) == [0, 1, 2, 3]


def test_a_lost_bell_is_rung_again_after_its_time(inbox: Inbox, settings: Settings) -> None:
    """If the message is lost, the sweep rings when the bell no longer counts as waiting."""
    short = Inbox(inbox.redis, replace(settings, bell_seconds=0.03))
    assert short.accept(submissions(1, "B1")).lanes_to_ring == [0]
    until_gone(inbox.redis, KEYS.bell)
    assert short.reserve_bells() == [0]
    assert short.reserve_bells() == []


def test_the_sweep_rings_only_where_a_partition_is_due(inbox: Inbox, settings: Settings) -> None:
    """It does not ring for an empty lane, a claimed partition or a held partition."""
    many = Inbox(inbox.redis, replace(settings, lanes=4))
    assert many.reserve_bells() == []
    inbox.accept(submissions(1, "B1"))
    inbox.clear_bell(0)
    claimed(inbox)
    assert inbox.reserve_bells() == []
    inbox.accept(submissions(1, "B2"))
    inbox.clear_bell(0)
    inbox.hold(partition_of("B2"), Hold.halt("a reason"))
    assert inbox.reserve_bells() == []


def test_the_sweep_rings_for_a_dead_workers_lease(inbox: Inbox, settings: Settings) -> None:
    """It rings the lane when the lease of a dead worker has ended."""
    short = Inbox(inbox.redis, replace(settings, lease_seconds=0.03))
    short.accept(submissions(1, "B1"))
    short.clear_bell(0)
    claimed(short, "dies")
    until_gone(inbox.redis, KEYS.lock(ONE))
    assert short.reserve_bells() == [0]


def test_many_sweeps_ring_once(inbox: Inbox) -> None:
    """Every worker sweeps, and one of them reserves the bell."""
    inbox.accept(submissions(1, "B1"))
    inbox.clear_bell(0)
    assert [inbox.reserve_bells() for _ in range(5)] == [[0], [], [], [], []]
