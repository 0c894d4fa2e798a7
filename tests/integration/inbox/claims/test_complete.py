"""Settling: written trades leave, the partition is unlocked, and only its owner can do it."""

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


def test_written_trades_leave_and_the_rest_is_due_at_once(inbox: Inbox) -> None:
    """Two of three were written: the third is the head, and may be claimed now."""
    inbox.accept(submissions(3, "B1"))
    claim = claimed(inbox)
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [True]
    assert inbox.redis.exists(KEYS.lock(ONE)) == 0
    assert trade_ids(claimed(inbox)) == [["B1-3"]]


def test_an_empty_partition_is_not_due(inbox: Inbox) -> None:
    """Everything written: nothing of the partition is left but its position counter."""
    inbox.accept(submissions(3, "B1"))
    inbox.complete(0, claimed(inbox).token, [Completion(ONE, 3)])
    assert inbox.claim(0, "owner", 0.0) is None
    assert inbox.redis.exists(KEYS.inbox(ONE), KEYS.lock(ONE), KEYS.due) == 0


def test_trades_accepted_meanwhile_stay(inbox: Inbox) -> None:
    """Only as many leave as were written; those behind them move up."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.accept(submissions(4, "B1"))
    inbox.complete(0, claim.token, [Completion(ONE, 2)])
    assert trade_ids(claimed(inbox)) == [["B1-3", "B1-4"]]


def test_each_partition_of_a_claim_has_its_answer(inbox: Inbox) -> None:
    """One kept, one lost: the answers stand in the order of the settlements."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    claim = claimed(inbox)
    inbox.redis.set(KEYS.lock(TWO), "another's")
    completions = [Completion(TWO, 1), Completion(ONE, 1)]
    assert inbox.complete(0, claim.token, completions) == [False, True]
    assert (waiting(inbox.redis, ONE), waiting(inbox.redis, TWO)) == (0, 1)


def test_a_settlement_sent_twice_removes_once(inbox: Inbox) -> None:
    """The second is refused and changes nothing: what was accepted since stays."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [True]
    inbox.accept(submissions(4, "B1"))
    before = everything(inbox.redis)
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [False]
    assert everything(inbox.redis) == before


def test_a_stale_worker_removes_nothing(inbox: Inbox, settings: Settings) -> None:
    """Its lease ended and another owns the partition: it must not trim what it never wrote."""
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


def test_a_lease_that_ended_cannot_settle_even_if_nobody_else_came(
    inbox: Inbox, settings: Settings
) -> None:
    """The lock is gone, so the trades are left to whoever claims next."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.redis.delete(KEYS.lock(ONE))
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [False]
    assert waiting(inbox.redis, ONE) == 2


def test_a_halted_partition_is_held_with_its_reason(inbox: Inbox) -> None:
    """The parked trade leaves, the partition is held, and what waits behind it stays."""
    inbox.accept(submissions(3, "B1"))
    inbox.complete(0, claimed(inbox).token, [Completion(ONE, 1, hold="T-1 cannot be captured")])
    assert inbox.redis.hget(KEYS.held, ONE) == b"T-1 cannot be captured"
    assert inbox.claim(0, "owner", 0.0) is None
    assert (waiting(inbox.redis, ONE), due_in_ms(inbox.redis, ONE)) == (2, None)


def test_settling_ends_the_backoff(inbox: Inbox, settings: Settings) -> None:
    """After a success the next failure waits the first, short delay again."""
    slow = Inbox(inbox.redis, replace(settings, backoff_seconds=0.004, backoff_limit_seconds=9))
    slow.accept(submissions(2, "B1"))
    for expected in (4, 8):
        claim = claimed_soon(slow)
        assert slow.postpone(0, claim.token, [ONE], 1.0) == [expected]
    slow.complete(0, claimed_soon(slow).token, [Completion(ONE, 1)])
    assert slow.postpone(0, claimed(slow).token, [ONE], 1.0) == [4]
