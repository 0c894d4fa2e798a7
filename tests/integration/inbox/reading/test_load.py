"""The load of a lane: due, claimed, postponed and held partitions, and the claims they make."""

from dataclasses import replace

import pytest

from tests.support.builders import partition_of, submission, submissions
from tests.support.inbox.redis_snapshot import KEYS, claimed, claimed_soon, due_in_ms, everything
from tradecapture.inbox import Completion, Hold, Inbox, InboxReader, LaneLoad
from tradecapture.inbox.backlog import MAX_COUNTED_PARTITIONS
from tradecapture.settings import Settings

ONE = partition_of("B1")
LIMITS = Settings(lanes=1, batch_trades=100, batch_partitions=20)  # of a full claim


def counts(inbox: Inbox) -> LaneLoad:
    """Return the counts of lane 0, without age and claims."""
    return load(inbox)._replace(due_for_ms=0, useful_parallelism=0)


def load(inbox: Inbox) -> LaneLoad:
    """Return the load of lane 0."""
    return InboxReader(inbox.redis, 1).load(LIMITS)[0]


def test_nothing_waits_in_an_empty_lane(inbox: Inbox) -> None:
    """All counts are 0."""
    loads = InboxReader(inbox.redis, 2).load(replace(LIMITS, lanes=2))
    assert loads == [LaneLoad(lane, 0, 0, 0, 0, 0, 0) for lane in (0, 1)]


def test_a_partition_is_due_then_claimed_then_gone(inbox: Inbox) -> None:
    """It counts once, however many trades wait in it; counting changes nothing."""
    inbox.accept([*submissions(500, "B1"), *submissions(1, "B2")])
    before = everything(inbox.redis)
    assert counts(inbox) == LaneLoad(0, 2, 0, 0, 0, 0, 0)
    assert everything(inbox.redis) == before
    claim = claimed(inbox)
    assert counts(inbox) == LaneLoad(0, 0, 2, 0, 0, 0, 0)
    inbox.complete(0, claim.token, [Completion(ONE, 100)])
    assert counts(inbox) == LaneLoad(0, 1, 1, 0, 0, 0, 0)
    inbox.complete(0, claim.token, [Completion(partition_of("B2"), 1)])
    again = claimed(inbox)
    inbox.complete(0, again.token, [Completion(ONE, 400)])
    assert counts(inbox) == LaneLoad(0, 0, 0, 0, 0, 0, 0)


def test_a_postponed_partition_is_no_load_until_it_is_due(inbox: Inbox, settings: Settings) -> None:
    """More workers cannot help while its backoff runs; afterwards it is due again."""
    slow = Inbox(inbox.redis, replace(settings, backoff_seconds=60, backoff_limit_seconds=60))
    slow.accept(submissions(1, "B1"))
    slow.postpone(0, claimed(slow).token, [ONE], jitter=1.0)
    assert counts(inbox) == LaneLoad(0, 0, 0, 1, 0, 0, 0)
    inbox.redis.zadd(KEYS.due, {ONE: 1})
    assert counts(inbox) == LaneLoad(0, 1, 0, 0, 0, 0, 0)
    claim = claimed_soon(inbox)
    inbox.complete(0, claim.token, [Completion(ONE, 1)])
    assert counts(inbox) == LaneLoad(0, 0, 0, 0, 0, 0, 0)


def test_a_held_partition_is_no_load(inbox: Inbox) -> None:
    """It waits for an operator, not for a worker."""
    inbox.accept([*submissions(3, "B1"), *submissions(3, "B2")])
    inbox.hold(ONE, Hold.halt("a reason"))
    assert counts(inbox) == LaneLoad(0, 1, 0, 0, 1, 0, 0)


def test_the_longest_wait_for_a_worker_is_measured(inbox: Inbox) -> None:
    """It begins when a partition is due; a claimed partition does not wait for a worker."""
    inbox.accept(submissions(3, "B1"))
    inbox.redis.zincrby(KEYS.due, -2500, ONE)
    since_ms = due_in_ms(inbox.redis, ONE)
    assert since_ms is not None
    found = load(inbox)
    assert -since_ms - 1 <= found.due_for_ms <= -since_ms + 5000
    claimed(inbox)
    assert load(inbox).due_for_ms == 0


def test_each_lane_has_its_own_load(inbox: Inbox, settings: Settings) -> None:
    """The due partitions of all lanes add up to all partitions."""
    many = Inbox(inbox.redis, replace(settings, lanes=16))
    many.accept([submission(f"T-{number}", f"B{number}") for number in range(40)])
    loads = InboxReader(inbox.redis, 16).load(replace(LIMITS, lanes=16))
    assert [lane.lane for lane in loads] == list(range(16))
    assert sum(lane.due for lane in loads) == 40
    assert max(lane.due for lane in loads) < 40


@pytest.mark.parametrize(
    ("depths", "claims"),
    [
        ([1], 1 / 20),  # of the 20 partitions of a claim
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
    """The number of partitions and of trades counts; a deep partition makes one claim."""
    for number, depth in enumerate(depths):
        inbox.accept(submissions(depth, f"B{number}"))
    assert load(inbox).useful_parallelism == pytest.approx(claims)
    claimed(inbox)
    assert load(inbox).useful_parallelism == pytest.approx(claims)


def test_partitions_that_nobody_may_claim_make_no_claims(inbox: Inbox, settings: Settings) -> None:
    """Held and postponed partitions do not count: more workers cannot help."""
    slow = Inbox(inbox.redis, replace(settings, backoff_seconds=60, backoff_limit_seconds=60))
    slow.accept([*submissions(100, "B1"), *submissions(100, "B2")])
    claim = claimed(slow)
    slow.postpone(0, claim.token, claim.partition_keys, jitter=1.0)
    assert load(inbox).useful_parallelism == 0
    slow.accept(submissions(100, "B3"))
    assert load(inbox).useful_parallelism == 1
    slow.hold(partition_of("B3"), Hold.halt("a reason"))
    assert load(inbox).useful_parallelism == 0


def test_the_first_partitions_stand_for_very_many(inbox: Inbox) -> None:
    """Only the first are counted, and the others get their average."""
    count = 3 * MAX_COUNTED_PARTITIONS
    inbox.accept([submission(f"T-{number}", f"B{number}") for number in range(count)])
    assert load(inbox).useful_parallelism == pytest.approx(count / 20)
