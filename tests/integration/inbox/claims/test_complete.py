"""Completion: captured trades leave, the partition is unlocked, and only its owner can do it."""

from dataclasses import replace

from tests.support.builders import partition_of, submissions
from tests.support.inbox.redis_snapshot import (
    KEYS,
    claimed,
    claimed_soon,
    due_in_ms,
    everything,
    trade_ids,
    waiting,
)
from tradecapture.inbox import Completion, Inbox
from tradecapture.settings import Settings

ONE, TWO = partition_of("B1"), partition_of("B2")


def test_captured_trades_leave_and_the_rest_is_due_at_once(inbox: Inbox) -> None:
    """If two of three were captured, the third is the head and may be claimed now."""
    inbox.accept(submissions(3, "B1"))
    claim = claimed(inbox)
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [True]
    assert inbox.redis.exists(KEYS.lock(ONE)) == 0
    assert trade_ids(claimed(inbox)) == [["B1-3"]]


def test_an_empty_partition_is_not_due(inbox: Inbox) -> None:
    """If all was captured, only the position counter of the partition is left."""
    inbox.accept(submissions(3, "B1"))
    inbox.complete(0, claimed(inbox).token, [Completion(ONE, 3)])
    assert inbox.claim(0, "owner", 0.0) is None
    assert inbox.redis.exists(KEYS.inbox(ONE), KEYS.lock(ONE), KEYS.due) == 0


def test_trades_accepted_during_a_claim_stay(inbox: Inbox) -> None:
    """Only as many leave as were captured; the next trades become the head."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.accept(submissions(4, "B1"))
    inbox.complete(0, claim.token, [Completion(ONE, 2)])
    assert trade_ids(claimed(inbox)) == [["B1-3", "B1-4"]]


def test_each_partition_of_a_claim_has_its_result(inbox: Inbox) -> None:
    """The results are in the order of the completions: one lease lost, one kept."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    claim = claimed(inbox)
    inbox.redis.set(KEYS.lock(TWO), "another's")
    completions = [Completion(TWO, 1), Completion(ONE, 1)]
    assert inbox.complete(0, claim.token, completions) == [False, True]
    assert (waiting(inbox.redis, ONE), waiting(inbox.redis, TWO)) == (0, 1)


def test_a_completion_sent_twice_removes_once(inbox: Inbox) -> None:
    """The second is refused and changes nothing: trades accepted since then stay."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [True]
    inbox.accept(submissions(4, "B1"))
    before = everything(inbox.redis)
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [False]
    assert everything(inbox.redis) == before


def test_a_stale_worker_removes_nothing(inbox: Inbox, settings: Settings) -> None:
    """If its lease ended and another owns the partition, its completion is refused."""
    short = Inbox(inbox.redis, replace(settings, lease_seconds=0.03))
    short.accept(submissions(2, "B1"))
    stale = claimed(short, "paused")
    current = claimed_soon(short, "awake")
    before = everything(inbox.redis)
    assert short.complete(0, stale.token, [Completion(ONE, 2, hold="halted")]) == [False]
    assert everything(inbox.redis).keys() - {KEYS.lock(ONE).encode()} == before.keys() - {
        KEYS.lock(ONE).encode()
    }
    assert waiting(inbox.redis, ONE) == 2
    assert current.partition_keys == [ONE]


def test_a_lease_that_ended_cannot_complete_even_if_nobody_else_claimed(
    inbox: Inbox, settings: Settings
) -> None:
    """The lock is gone, so the trades stay for the next claim."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.redis.delete(KEYS.lock(ONE))
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [False]
    assert waiting(inbox.redis, ONE) == 2


def test_a_halted_partition_is_held_with_its_reason(inbox: Inbox) -> None:
    """The parked trade leaves, the partition is held, and the later trades stay."""
    inbox.accept(submissions(3, "B1"))
    inbox.complete(0, claimed(inbox).token, [Completion(ONE, 1, hold="T-1 cannot be captured")])
    assert inbox.redis.hget(KEYS.held, ONE) == b"T-1 cannot be captured"
    assert inbox.claim(0, "owner", 0.0) is None
    assert (waiting(inbox.redis, ONE), due_in_ms(inbox.redis, ONE)) == (2, None)


def test_completion_ends_the_backoff(inbox: Inbox, settings: Settings) -> None:
    """After a success the next failure has the first, short delay again."""
    slow = Inbox(inbox.redis, replace(settings, backoff_seconds=0.004, backoff_limit_seconds=9))
    slow.accept(submissions(2, "B1"))
    for expected in (4, 8):
        claim = claimed_soon(slow)
        assert slow.postpone(0, claim.token, [ONE], 1.0) == [expected]
    slow.complete(0, claimed_soon(slow).token, [Completion(ONE, 1)])
    assert slow.postpone(0, claimed(slow).token, [ONE], 1.0) == [4]
