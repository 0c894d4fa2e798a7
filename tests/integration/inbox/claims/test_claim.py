"""Claims: due partitions are locked for one owner, and their oldest trades are read in order."""

from dataclasses import replace

import pytest
from msgspec import structs

from tests.support.builders import partition_of, submission, submissions
from tests.support.inbox.redis_snapshot import (
    KEYS,
    claimed,
    claimed_soon,
    due_in_ms,
    trade_ids,
    until_gone,
)
from tradecapture.inbox import Hold, Inbox
from tradecapture.settings import Settings

ONE, TWO, THREE = partition_of("B1"), partition_of("B2"), partition_of("B3")


def limited(inbox: Inbox, settings: Settings, **limits: float) -> Inbox:
    """Return the same inboxes under other limits."""
    return Inbox(inbox.redis, replace(settings, **limits))  # type: ignore[arg-type]


def test_trades_come_out_as_they_went_in(inbox: Inbox) -> None:
    """A claim has them in the order of acceptance, with positions, bytes and request metadata."""
    metadata = {"correlation_id": "c-1", "callback_url": "https://desk.example/done"}
    sent = [structs.replace(submission(f"T-{n}", note="ä✓\n"), **metadata) for n in range(1, 4)]
    inbox.accept(sent)
    (partition,) = claimed(inbox).partitions
    assert [entry.submission for entry in partition.entries] == sent
    assert [entry.position for entry in partition.entries] == [1, 2, 3]
    assert partition.unreadable == ""


def test_nothing_due_is_no_claim(inbox: Inbox) -> None:
    """A claim of an empty lane is None and writes nothing."""
    assert inbox.claim(0, "owner", 0.0) is None
    assert inbox.redis.keys() == []


def test_a_claimed_partition_has_one_owner(inbox: Inbox) -> None:
    """Another owner gets trades of other partitions, none of the claimed one."""
    inbox.accept(submissions(2, "B1"))
    first = claimed(inbox, "first")
    inbox.accept([*submissions(4, "B1"), *submissions(1, "B2")])
    second = claimed(inbox, "second")
    assert (first.partition_keys, second.partition_keys) == ([ONE], [TWO])
    assert inbox.claim(0, "third", 0.0) is None
    assert inbox.redis.get(KEYS.lock(ONE)) == first.token.encode()


def test_the_token_names_the_owner_and_no_other_claim(inbox: Inbox) -> None:
    """It begins with the owner, which operators see, and differs between claims of one owner."""
    inbox.accept(submissions(1, "B1"))
    first = claimed(inbox, "host-7")
    inbox.accept(submissions(1, "B2"))
    second = claimed(inbox, "host-7")
    assert first.token.startswith("host-7:")
    assert second.token.startswith("host-7:")
    assert first.token != second.token


def test_the_lease_of_a_dead_worker_ends(inbox: Inbox, settings: Settings) -> None:
    """Its partition is due again after the lease, with every trade still there."""
    short = limited(inbox, settings, lease_seconds=0.03)
    short.accept(submissions(3))
    first = claimed(short, "dies")
    second = claimed_soon(short, "lives")
    assert trade_ids(second) == trade_ids(first)
    assert second.fence > first.fence


def test_a_lease_is_as_long_as_it_says(inbox: Inbox) -> None:
    """One lease after the claim the lock expires and the partition is due again."""
    inbox.accept(submissions(1, "B1"))
    claimed(inbox)
    assert 99_000 < inbox.redis.pttl(KEYS.lock(ONE)) <= 100_000
    assert 99_000 < (due_in_ms(inbox.redis, ONE) or 0) <= 100_000


def test_the_fence_grows_with_the_clock_and_without_it(inbox: Inbox) -> None:
    """It is Redis time in microseconds, or one more than the last if the clock was set back."""
    inbox.accept(submissions(1, "B1"))
    seconds, microseconds = inbox.redis.time()
    first = claimed(inbox)
    assert 0 <= first.fence - (seconds * 1_000_000 + microseconds) < 5_000_000
    assert first.now_us == first.fence
    future = first.fence + 3_600_000_000
    inbox.redis.set(KEYS.fence, future)
    inbox.accept(submissions(1, "B2"))
    assert claimed(inbox).fence == future + 1


def test_partitions_of_a_claim_are_limited(inbox: Inbox, settings: Settings) -> None:
    """Partitions beyond the limit stay unlocked for the next claim."""
    inbox.accept([s for book in ("B1", "B2", "B3") for s in submissions(1, book)])
    two = limited(inbox, settings, batch_partitions=2)
    assert len(claimed(two).partition_keys) == 2
    assert len(claimed(two).partition_keys) == 1


def test_trades_of_a_claim_are_limited(inbox: Inbox, settings: Settings) -> None:
    """The claim has the oldest trades; a partition beyond the limit is not locked."""
    inbox.accept([*submissions(3, "B1"), *submissions(3, "B2"), *submissions(3, "B3")])
    claim = claimed(limited(inbox, settings, batch_trades=4))
    assert trade_ids(claim) == [["B1-1", "B1-2", "B1-3"], ["B2-1"]]
    assert inbox.redis.exists(KEYS.lock(THREE)) == 0
    assert due_in_ms(inbox.redis, THREE) is not None


@pytest.mark.parametrize(("limit", "trades"), [(50_000, 64), (100_000, 128), (10_000_000, 200)])
def test_bytes_of_a_claim_are_limited(
    inbox: Inbox, settings: Settings, limit: int, trades: int
) -> None:
    """Reading stops within 64 trades of the limit; a trade larger than the limit comes alone."""
    inbox.accept([submission(f"T-{n}", note="x" * 700) for n in range(200)])
    claim = claimed(limited(inbox, settings, batch_bytes=limit))
    assert claim.trades == trades


def test_the_longest_due_comes_first(inbox: Inbox, settings: Settings) -> None:
    """Busier partitions cannot keep a partition waiting forever."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    inbox.redis.zincrby(KEYS.due, -60_000, TWO)
    assert claimed(limited(inbox, settings, batch_partitions=1)).partition_keys == [TWO]


def test_a_partition_found_locked_waits_longer_each_time(inbox: Inbox, settings: Settings) -> None:
    """If it is due although it is locked, its backoff grows up to the limit."""
    slow = limited(inbox, settings, backoff_seconds=10, backoff_limit_seconds=60)
    slow.accept(submissions(1, "B1"))
    inbox.redis.set(KEYS.lock(ONE), "another's")
    delays = []
    for _ in range(5):
        inbox.redis.zadd(KEYS.due, {ONE: 0})
        assert slow.claim(0, "owner", 1.0) is None
        delays.append(round((due_in_ms(inbox.redis, ONE) or 0) / 1000))
    assert delays == [10, 20, 40, 60, 60]
    assert inbox.redis.get(KEYS.lock(ONE)) == b"another's"


def test_a_held_partition_is_not_claimed(inbox: Inbox) -> None:
    """It is not claimed even if it is in the due set."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    inbox.hold(ONE, Hold.halt("a reason"))
    inbox.redis.zadd(KEYS.due, {ONE: 0})
    assert claimed(inbox).partition_keys == [TWO]
    assert due_in_ms(inbox.redis, ONE) is None


def test_a_partition_without_trades_is_forgotten(inbox: Inbox) -> None:
    """The first claim removes it from the due set."""
    inbox.redis.zadd(KEYS.due, {ONE: 0})
    assert inbox.claim(0, "owner", 0.0) is None
    assert due_in_ms(inbox.redis, ONE) is None


def test_a_claim_whose_reply_was_lost_does_no_harm(inbox: Inbox, settings: Settings) -> None:
    """The second call finds nothing due; after the lease everything is claimed in order."""
    short = limited(inbox, settings, lease_seconds=0.03)
    short.accept(submissions(2, "B1"))
    claimed(short)  # this reply is lost
    assert short.claim(0, "owner", 0.0) is None
    until_gone(inbox.redis, KEYS.lock(ONE))
    assert trade_ids(claimed_soon(short)) == [["B1-1", "B1-2"]]


def test_a_claim_counts_the_partitions_left_due_without_a_bell(
    inbox: Inbox, settings: Settings
) -> None:
    """The worker then rings for help; if a bell is waiting, help comes anyway."""
    small = limited(inbox, settings, batch_partitions=1)
    for book in ("B1", "B2", "B3"):
        inbox.accept(submissions(1, book))
    assert claimed(small).due_without_bell == 0
    inbox.clear_bell(0)
    assert claimed(small).due_without_bell == 1
    assert claimed(small).due_without_bell == 0
