"""An operator claims one named partition, even if it is held or empty."""

from dataclasses import replace

from tests.support.builders import partition_of, submission, submissions
from tests.support.inbox.redis_snapshot import (
    KEYS,
    claimed,
    claimed_soon,
    due_in_ms,
    trade_ids,
    waiting,
)
from tradecapture.inbox import Claim, Completion, Hold, Inbox
from tradecapture.settings import Settings

ONE, TWO = partition_of("B1"), partition_of("B2")
FOREIGN = b"9 1 1 1 an entry of another release"
PAUSE = Hold.by_operator("ann", "corporate action")


def claimed_one(inbox: Inbox, trades: int = 1) -> Claim:
    """Claim the partition, which is not locked."""
    claim = inbox.claim_one(ONE, "ann", trades)
    assert claim is not None
    return claim


def test_a_held_partition_is_claimed_with_its_oldest_trades(inbox: Inbox) -> None:
    """The claim has as many as asked for, or none, and no other partition of the lane."""
    inbox.accept([*submissions(3, "B1"), *submissions(1, "B2")])
    inbox.hold(ONE, PAUSE)
    claim = claimed_one(inbox, trades=2)
    assert trade_ids(claim) == [["B1-1", "B1-2"]]
    assert claim.token.startswith("ann:")
    assert inbox.redis.get(KEYS.lock(ONE)) == claim.token.encode()
    assert claimed(inbox).partition_keys == [TWO]
    inbox.complete(0, claim.token, [Completion(ONE, 0)])
    assert trade_ids(claimed_one(inbox, trades=0)) == [[]]


def test_a_locked_partition_is_not_claimed(inbox: Inbox) -> None:
    """It does not matter whether a worker or an operator has it, and who asks."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    assert inbox.claim_one(ONE, "ann", 1) is None
    inbox.complete(0, claim.token, [Completion(ONE, 0)])
    claimed_one(inbox)
    assert inbox.claim_one(ONE, "bob", 1) is None
    inbox.redis.zadd(KEYS.due, {ONE: 0})
    assert inbox.claim(0, "owner", 0.0) is None


def test_the_fence_of_an_operators_claim_is_the_newest(inbox: Inbox) -> None:
    """It is greater than the fence of the last claim, and less than that of the next."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    inbox.hold(ONE, PAUSE)
    before = claimed(inbox)
    inbox.redis.set(KEYS.fence, before.fence + 3_600_000_000)
    claim = claimed_one(inbox)
    assert claim.fence == before.fence + 3_600_000_001
    inbox.accept(submissions(1, "B3"))
    assert claimed(inbox).fence == claim.fence + 1


def test_an_empty_partition_is_claimed(inbox: Inbox) -> None:
    """Trades that arrive during the claim wait until it is completed."""
    claim = claimed_one(inbox)
    assert (trade_ids(claim), due_in_ms(inbox.redis, ONE)) == ([[]], None)
    inbox.accept(submissions(1, "B1"))
    assert inbox.claim(0, "owner", 0.0) is None
    assert inbox.complete(0, claim.token, [Completion(ONE, 0)]) == [True]
    assert trade_ids(claimed(inbox)) == [["B1-1"]]


def test_a_held_partition_stays_out_of_the_due_set(inbox: Inbox) -> None:
    """No step of an operator's claim makes it due; lifting the hold does."""
    inbox.accept(submissions(3, "B1"))
    inbox.hold(ONE, PAUSE)
    claim = claimed_one(inbox)
    assert inbox.renew(0, claim.token, [ONE]) == [True]
    assert due_in_ms(inbox.redis, ONE) is None
    assert inbox.complete(0, claim.token, [Completion(ONE, 1)]) == [True]
    assert due_in_ms(inbox.redis, ONE) is None
    claim = claimed_one(inbox)
    assert inbox.postpone(0, claim.token, [ONE], 0.0) == [0]
    assert due_in_ms(inbox.redis, ONE) is None
    inbox.unhold(ONE)
    assert trade_ids(claimed(inbox)) == [["B1-2", "B1-3"]]


def test_an_operators_command_that_dies_delays_the_partition_by_one_lease(
    inbox: Inbox, settings: Settings
) -> None:
    """The partition is due again when the lease ends, and a late completion is refused."""
    short = Inbox(inbox.redis, replace(settings, lease_seconds=0.03))
    short.accept(submissions(1, "B1"))
    claim = claimed_one(short)
    assert trade_ids(claimed_soon(short)) == [["B1-1"]]
    assert short.complete(0, claim.token, [Completion(ONE, 1)]) == [False]


def test_an_unreadable_entry_is_in_the_claim_as_it_is(inbox: Inbox) -> None:
    """So an operator can keep a copy and skip it. A worker's claim has it too."""
    inbox.accept(submissions(1, "B1"))
    inbox.redis.rpush(KEYS.inbox(ONE), FOREIGN)
    inbox.accept(submissions(2, "B1"))
    (partition,) = claimed(inbox).partitions
    assert [entry.position for entry in partition.entries] == [1]
    assert partition.unreadable_entry == FOREIGN
    inbox.redis.delete(KEYS.lock(ONE))
    inbox.redis.lpop(KEYS.inbox(ONE))
    claim = claimed_one(inbox)
    assert (claim.partitions[0].entries, claim.partitions[0].unreadable_entry) == (
        (),
        partition.unreadable_entry,
    )
    assert "version" in claim.partitions[0].unreadable
    inbox.complete(0, claim.token, [Completion(ONE, 1)])
    assert (waiting(inbox.redis, ONE), trade_ids(claimed(inbox))) == (1, [["B1-2"]])


def test_bytes_of_an_operators_claim_are_limited(inbox: Inbox, settings: Settings) -> None:
    """The limit is that of a worker's claim."""
    inbox.accept([submission(f"T-{n}", "B1", note="x" * 700) for n in range(200)])
    small = Inbox(inbox.redis, replace(settings, batch_bytes=50_000))
    assert claimed_one(small, trades=200).trades == 64
