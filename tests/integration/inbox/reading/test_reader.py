"""The reading side of the inbox: where each trade waits, and the state of each partition."""

from dataclasses import replace

from tests.support.builders import partition_of, submission, submissions
from tests.support.inbox.redis_snapshot import KEYS, claimed, everything
from tradecapture.inbox import Completion, Hold, Inbox, InboxReader
from tradecapture.settings import Settings

ONE = partition_of("B1")


def test_a_partition_shows_its_depth_owner_and_hold(inbox: Inbox, settings: Settings) -> None:
    """It also shows the lease and when the head was accepted; reading changes nothing."""
    reader = InboxReader(inbox.redis, settings.lanes)
    inbox.accept(submissions(5, "B1"))
    inbox.complete(0, claimed(inbox).token, [Completion(ONE, 2)])
    claim = claimed(inbox, "host-7")
    inbox.hold(ONE, Hold.halt("a reason"))
    before = everything(inbox.redis).keys()
    (row,) = reader.partitions()
    assert everything(inbox.redis).keys() == before
    assert (row.accepted, row.waiting, row.owner, row.hold) == (
        5,
        3,
        claim.token,
        Hold.halt("a reason"),
    )
    assert 99_000 < row.lease_ms <= 100_000
    assert row.oldest_accepted_ms == claim.partitions[0].entries[0].accepted_ms
    assert row == reader.partition(ONE)._replace(lease_ms=row.lease_ms)  # type: ignore[union-attr]


def test_partitions_of_all_lanes_are_listed_by_key(inbox: Inbox, settings: Settings) -> None:
    """The list has partitions of all lanes, in the order of their keys."""
    many = Inbox(inbox.redis, replace(settings, lanes=16))
    many.accept([s for number in range(30) for s in submissions(1, f"B{number}")])
    rows = InboxReader(inbox.redis, 16).partitions()
    assert [row.partition_key for row in rows] == sorted(partition_of(f"B{n}") for n in range(30))


def test_an_unknown_partition_is_none(inbox: Inbox, settings: Settings) -> None:
    """A partition without accepted trades is None."""
    assert InboxReader(inbox.redis, settings.lanes).partition(ONE) is None


def test_a_trade_is_found_in_any_lane(inbox: Inbox, settings: Settings) -> None:
    """Its id is enough to find its digest, its partition, its position and its entry."""
    many = Inbox(inbox.redis, replace(settings, lanes=16))
    reader = InboxReader(inbox.redis, 16)
    for number in range(20):
        sent = submission(f"T-{number}", f"B{number}")
        many.accept([submission(f"U-{number}", f"B{number}"), sent])
        seen = reader.accepted_trade(sent.trade_id)
        assert seen is not None
        assert (seen.digest, seen.partition_key, seen.position) == (
            sent.digest,
            sent.partition_key,
            2,
        )
        entry = reader.entry(seen.partition_key, seen.position)
        assert entry is not None
        assert entry.submission == sent
    assert reader.accepted_trade("T-20") is None


def test_a_trade_that_left_its_inbox_has_no_entry(inbox: Inbox, settings: Settings) -> None:
    """The reader returns no entry for its position, and never that of another trade."""
    reader = InboxReader(inbox.redis, settings.lanes)
    inbox.accept(submissions(3, "B1"))
    inbox.complete(0, claimed(inbox).token, [Completion(ONE, 2)])
    assert [reader.entry(ONE, position) for position in (1, 2, 4)] == [None, None, None]
    entry = reader.entry(ONE, 3)
    assert entry is not None
    assert entry.submission.trade_id == "B1-3"
    assert [head.position for head in reader.head(ONE, 10)] == [3]


def test_many_partitions_are_read_some_at_a_time(inbox: Inbox, settings: Settings) -> None:
    """The keys after any key are in order, each once, and so are the partitions by key."""
    inbox.accept([submission(f"T-{number}", f"B{number}") for number in range(1200)])
    inbox.hold(partition_of("B7"), Hold.halt("a reason"))
    reader = InboxReader(inbox.redis, settings.lanes)
    keys = sorted(partition_of(f"B{number}") for number in range(1200))
    assert reader.keys_after("", 2000) == keys
    assert reader.keys_after(keys[300], 250) == keys[301:551]
    assert reader.keys_after("", 9, only_held=True) == [partition_of("B7")]
    found = reader.partitions_by_key([*keys[300:700], partition_of("unknown")])
    assert list(found) == keys[300:700]
    assert {row.waiting for row in found.values()} == {1}
    assert list(found.values()) == reader.partitions()[300:700]


def test_waiting_trades_are_shown_from_the_head_on(inbox: Inbox, settings: Settings) -> None:
    """Each has its position; an unreadable one has only that and the reason."""
    reader = InboxReader(inbox.redis, settings.lanes)
    inbox.accept([*submissions(3, "B1"), submission("N-1", "B1", sequenceNumber=1)])
    inbox.complete(0, claimed(inbox).token, [Completion(ONE, 1)])
    inbox.redis.lset(KEYS.inbox(ONE), 0, "2 3 1 1 an entry of a newer release")
    unreadable, second, numbered = reader.waiting_trades(ONE, 10)
    assert (unreadable.position, unreadable.trade_id, unreadable.accepted_ms) == (2, None, None)
    assert "run workers of the release" in str(unreadable.unreadable)
    assert (second.position, second.trade_id, second.unreadable) == (3, "B1-3", None)
    assert (numbered.position, numbered.sequence_number) == (4, 1)
    assert reader.waiting_trades(ONE, 2) == [unreadable, second]
    assert reader.waiting_trades(ONE, 0) == reader.waiting_trades(partition_of("unknown"), 9) == []
