"""Taking: an operator claims one named partition, also if it is held or empty."""

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


def taken(inbox: Inbox, trades: int = 1) -> Claim:
    """Take the partition; nobody else has it."""
    claim = inbox.claim_one(ONE, "ann", trades)
    assert claim is not None
    return claim


def test_a_held_partition_is_taken_with_its_oldest_trades(inbox: Inbox) -> None:
    """As many as asked for, none too; the others of its lane are left alone."""
    inbox.accept([*submissions(3, "B1"), *submissions(1, "B2")])
    inbox.hold(ONE, PAUSE)
    claim = taken(inbox, trades=2)
    assert trade_ids(claim) == [["B1-1", "B1-2"]]
    assert claim.token.startswith("ann:")
    assert inbox.redis.get(KEYS.lock(ONE)) == claim.token.encode()
    assert claimed(inbox).partition_keys == [TWO]
    inbox.complete(0, claim.token, [Completion(ONE, 0)])
    assert trade_ids(taken(inbox, trades=0)) == [[]]


def test_a_partition_that_somebody_has_is_not_taken(inbox: Inbox) -> None:
    """Neither a worker's nor another operator's; and a worker does not get an operator's."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    assert inbox.claim_one(ONE, "ann", 1) is None
    inbox.complete(0, claim.token, [Completion(ONE, 0)])
    taken(inbox)
    assert inbox.claim_one(ONE, "bob", 1) is None
    inbox.redis.zadd(KEYS.due, {ONE: 0})
    assert inbox.claim(0, "owner", 0.0) is None


def test_the_fence_of_a_taken_partition_is_the_newest(inbox: Inbox) -> None:
    """It follows that of the last claim, and the next claim's follows it."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    inbox.hold(ONE, PAUSE)
    before = claimed(inbox)
    inbox.redis.set(KEYS.fence, before.fence + 3_600_000_000)
    claim = taken(inbox)
    assert claim.fence == before.fence + 3_600_000_001
    inbox.accept(submissions(1, "B3"))
    assert claimed(inbox).fence == claim.fence + 1


def test_an_empty_partition_is_taken(inbox: Inbox) -> None:
    """What arrives meanwhile waits until it is given back."""
    claim = taken(inbox)
    assert (trade_ids(claim), due_in_ms(inbox.redis, ONE)) == ([[]], None)
    inbox.accept(submissions(1, "B1"))
    assert inbox.claim(0, "owner", 0.0) is None
    assert inbox.complete(0, claim.token, [Completion(ONE, 0)]) == [True]
    assert trade_ids(claimed(inbox)) == [["B1-1"]]


def test_a_held_partition_stays_out_of_the_due_set(inbox: Inbox) -> None:
    """Whatever the operator does with it: only a release makes it due."""
    inbox.accept(submissions(3, "B1"))
    inbox.hold(ONE, PAUSE)
    claim = taken(inbox)
    assert inbox.renew(0, claim.token, [ONE]) == [True]
    assert due_in_ms(inbox.redis, ONE) is None
    assert inbox.complete(0, claim.token, [Completion(ONE, 1)]) == [True]
    assert due_in_ms(inbox.redis, ONE) is None
    claim = taken(inbox)
    assert inbox.postpone(0, claim.token, [ONE], 0.0) == [0]
    assert due_in_ms(inbox.redis, ONE) is None
    inbox.unhold(ONE)
    assert trade_ids(claimed(inbox)) == [["B1-2", "B1-3"]]


def test_an_operator_who_never_comes_back_holds_up_one_lease(
    inbox: Inbox, settings: Settings
) -> None:
    """The partition is due again when the lease ends, and the late settlement is refused."""
    short = Inbox(inbox.redis, replace(settings, lease_seconds=0.03))
    short.accept(submissions(1, "B1"))
    claim = taken(short)
    assert trade_ids(claimed_soon(short)) == [["B1-1"]]
    assert short.complete(0, claim.token, [Completion(ONE, 1)]) == [False]


def test_what_cannot_be_read_is_handed_over_as_it_is(inbox: Inbox) -> None:
    """So that an operator can keep it and skip it; a worker's claim shows the same."""
    inbox.accept(submissions(1, "B1"))
    inbox.redis.rpush(KEYS.inbox(ONE), FOREIGN)
    inbox.accept(submissions(2, "B1"))
    (partition,) = claimed(inbox).partitions
    assert [entry.position for entry in partition.entries] == [1]
    assert partition.unreadable_entry == FOREIGN
    inbox.redis.delete(KEYS.lock(ONE))
    inbox.redis.lpop(KEYS.inbox(ONE))
    claim = taken(inbox)
    assert (claim.partitions[0].entries, claim.partitions[0].unreadable_entry) == (
        (),
        partition.unreadable_entry,
    )
    assert "version" in claim.partitions[0].unreadable
    inbox.complete(0, claim.token, [Completion(ONE, 1)])
    assert (waiting(inbox.redis, ONE), trade_ids(claimed(inbox))) == (1, [["B1-2"]])


def test_bytes_of_a_taken_partition_are_limited(inbox: Inbox, settings: Settings) -> None:
    """As those of a claim."""
    inbox.accept([submission(f"T-{n}", "B1", note="x" * 700) for n in range(200)])
    small = Inbox(inbox.redis, replace(settings, batch_bytes=50_000))
    assert taken(small, trades=200).trades == 64
