"""The bell: at most one a lane is waiting, and nothing that is due is left without one for long."""

from dataclasses import replace

from tests.support.builders import partition_of, submissions
from tests.support.inbox.redis_snapshot import KEYS, claimed, until_gone
from tradecapture.inbox import Hold, Inbox
from tradecapture.settings import Settings
from tradecapture.trades.partition import lane_of

ONE = partition_of("B1")


def test_the_first_trade_rings_and_the_next_do_not(inbox: Inbox) -> None:
    """Under load one message moves hundreds of trades."""
    assert inbox.accept(submissions(1, "B1")).lanes_to_ring == [0]
    assert inbox.accept(submissions(3, "B1")).lanes_to_ring == []
    assert inbox.accept(submissions(1, "B2")).lanes_to_ring == []


def test_a_bell_that_was_heard_may_be_rung_again(inbox: Inbox) -> None:
    """A worker clears it before it looks, so what is accepted from then on rings."""
    inbox.accept(submissions(1, "B1"))
    inbox.clear_bell(0)
    assert inbox.accept(submissions(2, "B1")).lanes_to_ring == [0]


def test_a_claimed_partition_does_not_ring(inbox: Inbox) -> None:
    """Its owner looks again anyway; another partition of the lane does ring."""
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
    """Nothing was added."""
    inbox.accept(submissions(1, "B1"))
    inbox.clear_bell(0)
    assert inbox.accept(submissions(1, "B1")).lanes_to_ring == []


def test_each_lane_has_a_bell_of_its_own(inbox: Inbox, settings: Settings) -> None:
    """A batch over many lanes names every lane that needs its bell, once."""
    many = Inbox(inbox.redis, replace(settings, lanes=4))
    batch = [s for number in range(40) for s in submissions(2, f"B{number}")]
    lanes = {lane_of(submission.partition_key, 4) for submission in batch}
    assert many.accept(batch).lanes_to_ring == sorted(lanes) == [0, 1, 2, 3]


def test_a_lost_bell_is_rung_again_after_its_time(inbox: Inbox, settings: Settings) -> None:
    """The message is gone, the trade is not: the sweep rings when the bell no longer counts."""
    short = Inbox(inbox.redis, replace(settings, bell_seconds=0.03))
    assert short.accept(submissions(1, "B1")).lanes_to_ring == [0]
    until_gone(inbox.redis, KEYS.bell)
    assert short.reserve_bells() == [0]
    assert short.reserve_bells() == []


def test_the_sweep_rings_only_where_something_is_due(inbox: Inbox, settings: Settings) -> None:
    """Not an empty lane, not a claimed partition, not a held one."""
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
    """When the lease of a worker that died has ended, its lane is rung."""
    short = Inbox(inbox.redis, replace(settings, lease_seconds=0.03))
    short.accept(submissions(1, "B1"))
    short.clear_bell(0)
    claimed(short, "dies")
    until_gone(inbox.redis, KEYS.lock(ONE))
    assert short.reserve_bells() == [0]


def test_many_sweeps_ring_once(inbox: Inbox) -> None:
    """Every worker looks, and one of them takes the right to ring."""
    inbox.accept(submissions(1, "B1"))
    inbox.clear_bell(0)
    assert [inbox.reserve_bells() for _ in range(5)] == [[0], [], [], [], []]
