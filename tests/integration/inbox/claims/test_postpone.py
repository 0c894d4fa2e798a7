"""Postponing: partitions go back uncaptured and are due again after a growing, jittered delay."""

from dataclasses import replace

import pytest

from tests.support.builders import partition_of, submissions
from tests.support.inbox.redis_snapshot import (
    KEYS,
    claimed,
    claimed_soon,
    due_in_ms,
    everything,
    trade_ids,
)
from tradecapture.inbox import Inbox
from tradecapture.settings import Settings

ONE, TWO = partition_of("B1"), partition_of("B2")


@pytest.fixture
def inbox(inbox: Inbox, settings: Settings) -> Inbox:
    """Inboxes with a backoff from 10 s to 100 s."""
    return Inbox(inbox.redis, replace(settings, backoff_seconds=10, backoff_limit_seconds=100))


def postponed(inbox: Inbox, jitter: float) -> int | None:
    """Make the first partition due, claim it and postpone it; return the delay in milliseconds."""
    inbox.redis.zadd(KEYS.due, {ONE: 0})
    (delay,) = inbox.postpone(0, claimed(inbox).token, [ONE], jitter)
    return delay


def test_the_delay_doubles_up_to_its_limit(inbox: Inbox) -> None:
    """Each failure in a row doubles the delay, up to the limit."""
    inbox.accept(submissions(1, "B1"))
    assert [postponed(inbox, 1.0) for _ in range(6)] == [
        10_000,
        20_000,
        40_000,
        80_000,
        100_000,
        100_000,
    ]


@pytest.mark.parametrize(("jitter", "delay"), [(0.0, 5_000), (0.5, 7_500), (1.0, 10_000)])
def test_jitter_shortens_the_delay_by_up_to_half(inbox: Inbox, jitter: float, delay: int) -> None:
    """So partitions that failed together are not due again together."""
    inbox.accept(submissions(1, "B1"))
    assert postponed(inbox, jitter) == delay
    assert delay - 1000 < (due_in_ms(inbox.redis, ONE) or 0) <= delay


def test_a_very_long_outage_does_not_overflow(inbox: Inbox) -> None:
    """After thousands of postponements the delay is still the limit."""
    inbox.accept(submissions(1, "B1"))
    inbox.redis.hset(KEYS.tries, ONE, 5000)
    assert postponed(inbox, 1.0) == 100_000


def test_nothing_is_lost_and_the_lock_is_free(inbox: Inbox, settings: Settings) -> None:
    """The trades wait in order, and any owner can claim the partition when it is due."""
    quick = Inbox(inbox.redis, settings)
    quick.accept(submissions(3, "B1"))
    quick.postpone(0, claimed(quick).token, [ONE], 0.0)
    assert inbox.redis.exists(KEYS.lock(ONE)) == 0
    assert trade_ids(claimed_soon(quick, "another")) == [["B1-1", "B1-2", "B1-3"]]


def test_only_the_owner_postpones(inbox: Inbox) -> None:
    """The postponement of a worker that lost its lease is refused and changes nothing."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    claim = claimed(inbox)
    inbox.redis.set(KEYS.lock(ONE), "another's")
    assert inbox.postpone(0, claim.token, [ONE, TWO], 1.0) == [None, 10_000]
    assert inbox.redis.get(KEYS.lock(ONE)) == b"another's"


def test_a_postponement_sent_twice_counts_once(inbox: Inbox) -> None:
    """The second is refused and does not extend the delay."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    inbox.postpone(0, claim.token, [ONE], 1.0)
    before = everything(inbox.redis)
    assert inbox.postpone(0, claim.token, [ONE], 1.0) == [None]
    assert everything(inbox.redis) == before
