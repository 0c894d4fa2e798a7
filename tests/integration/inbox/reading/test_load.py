"""The work: partitions that could be captured at the same time, each in its right column."""

from dataclasses import replace

import pytest

from tests.support.builders import partition_of, submission, submissions
from tests.support.inbox.redis_snapshot import KEYS, claimed, claimed_soon, due_in_ms, everything
from tradecapture.inbox import Completion, Hold, Inbox, InboxReader, LaneLoad
from tradecapture.inbox.backlog import MAX_COUNTED_PARTITIONS
from tradecapture.settings import Settings

ONE = partition_of("B1")
LIMITS = Settings(lanes=1, batch_trades=100, batch_partitions=20)  # of a full claim


def work_of(inbox: Inbox) -> LaneLoad:
    """Return the counts of lane 0."""
    return look(inbox)._replace(due_for_ms=0, useful_parallelism=0)


def look(inbox: Inbox) -> LaneLoad:
    """Return the work of lane 0."""
    return InboxReader(inbox.redis, 1).load(LIMITS)[0]


def test_nothing_waits_in_an_empty_lane(inbox: Inbox) -> None:
    """Nothing is due, for no time."""
    work = InboxReader(inbox.redis, 2).load(replace(LIMITS, lanes=2))
    assert work == [LaneLoad(lane, 0, 0, 0, 0, 0, 0) for lane in (0, 1)]


def test_a_partition_is_due_then_claimed_then_done(inbox: Inbox) -> None:
    """It counts once, however many trades wait in it; a look changes nothing."""
    inbox.accept([*submissions(500, "B1"), *submissions(1, "B2")])
    before = everything(inbox.redis)
    assert work_of(inbox) == LaneLoad(0, 2, 0, 0, 0, 0, 0)
    assert everything(inbox.redis) == before
    claim = claimed(inbox)
    assert work_of(inbox) == LaneLoad(0, 0, 2, 0, 0, 0, 0)
    inbox.complete(0, claim.token, [Completion(ONE, 100)])
    assert work_of(inbox) == LaneLoad(0, 1, 1, 0, 0, 0, 0)
    inbox.complete(0, claim.token, [Completion(partition_of("B2"), 1)])
    again = claimed(inbox)
    inbox.complete(0, again.token, [Completion(ONE, 400)])
    assert work_of(inbox) == LaneLoad(0, 0, 0, 0, 0, 0, 0)


def test_a_postponed_partition_is_no_work_until_it_is_due(inbox: Inbox, settings: Settings) -> None:
    """While the database is away, more workers would be no help; afterwards it is due again."""
    slow = Inbox(inbox.redis, replace(settings, backoff_seconds=60, backoff_limit_seconds=60))
    slow.accept(submissions(1, "B1"))
    slow.postpone(0, claimed(slow).token, [ONE], jitter=1.0)
    assert work_of(inbox) == LaneLoad(0, 0, 0, 1, 0, 0, 0)
    inbox.redis.zadd(KEYS.due, {ONE: 1})
    assert work_of(inbox) == LaneLoad(0, 1, 0, 0, 0, 0, 0)
    claim = claimed_soon(inbox)
    inbox.complete(0, claim.token, [Completion(ONE, 1)])
    assert work_of(inbox) == LaneLoad(0, 0, 0, 0, 0, 0, 0)


def test_a_held_partition_is_no_work(inbox: Inbox) -> None:
    """It waits for an operator, not for a worker."""
    inbox.accept([*submissions(3, "B1"), *submissions(3, "B2")])
    inbox.hold(ONE, Hold.halt("a reason"))
    assert work_of(inbox) == LaneLoad(0, 1, 0, 0, 1, 0, 0)


def test_the_longest_wait_for_a_worker_is_told(inbox: Inbox) -> None:
    """From when a partition could be claimed; nothing waits for a worker while one is at it."""
    inbox.accept(submissions(3, "B1"))
    inbox.redis.zincrby(KEYS.due, -2500, ONE)
    since_ms = due_in_ms(inbox.redis, ONE)
    assert since_ms is not None
    work = look(inbox)
    assert -since_ms - 1 <= work.due_for_ms <= -since_ms + 5000
    claimed(inbox)
    assert look(inbox).due_for_ms == 0


def test_each_lane_is_told_apart(inbox: Inbox, settings: Settings) -> None:
    """The partitions of all lanes are all partitions."""
    many = Inbox(inbox.redis, replace(settings, lanes=16))
    many.accept([submission(f"T-{number}", f"B{number}") for number in range(40)])
    work = InboxReader(inbox.redis, 16).load(replace(LIMITS, lanes=16))
    assert [lane.lane for lane in work] == list(range(16))
    assert sum(lane.due for lane in work) == 40
    assert max(lane.due for lane in work) < 40


@pytest.mark.parametrize(
    ("depths", "claims"),
    [
        ([1], 1 / 20),  # of the partitions that a claim takes
        ([1] * 40, 2),
        ([50, 50], 1),  # by their trades
        ([1000], 1),  # a hot partition is captured by one worker at a time
        ([1000] * 3, 3),
        ([1000, *[1] * 10], 1.5),
    ],
)
def test_partitions_make_as_many_claims_as_could_run_at_once(
    inbox: Inbox, depths: list[int], claims: float
) -> None:
    """By their number and their trades; a long queue in one partition makes one claim."""
    for number, depth in enumerate(depths):
        inbox.accept(submissions(depth, f"B{number}"))
    assert look(inbox).useful_parallelism == pytest.approx(claims)
    claimed(inbox)
    assert look(inbox).useful_parallelism == pytest.approx(claims)


def test_what_nobody_may_claim_makes_no_claims(inbox: Inbox, settings: Settings) -> None:
    """A held partition and a postponed one wait, and more workers would be no help."""
    slow = Inbox(inbox.redis, replace(settings, backoff_seconds=60, backoff_limit_seconds=60))
    slow.accept([*submissions(100, "B1"), *submissions(100, "B2")])
    claim = claimed(slow)
    slow.postpone(0, claim.token, claim.partition_keys, jitter=1.0)
    assert look(inbox).useful_parallelism == 0
    slow.accept(submissions(100, "B3"))
    assert look(inbox).useful_parallelism == 1
    slow.hold(partition_of("B3"), Hold.halt("a reason"))
    assert look(inbox).useful_parallelism == 0


def test_some_partitions_stand_for_very_many(inbox: Inbox) -> None:
    """A look stays short however many are due."""
    count = 3 * MAX_COUNTED_PARTITIONS
    inbox.accept([submission(f"T-{number}", f"B{number}") for number in range(count)])
    assert look(inbox).useful_parallelism == pytest.approx(count / 20)
