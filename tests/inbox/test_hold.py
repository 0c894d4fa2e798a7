"""Holding: a partition is kept from being claimed; its trades are accepted and wait in order."""

from dataclasses import replace

from tests.builders import partition_of, submissions
from tests.inbox.looking import KEYS, claimed, due_in_ms, trade_ids, waiting
from tradecapture.inbox import Inbox, InboxReader, Settlement
from tradecapture.settings import Settings

ONE = partition_of("B1")


def test_a_held_partition_accepts_but_is_not_claimed(inbox: Inbox) -> None:
    """Trades line up behind each other until it is released; then they come in order."""
    inbox.accept(submissions(1, "B1"))
    assert inbox.hold(ONE, "corporate action")
    inbox.accept(submissions(3, "B1"))
    assert inbox.claim(0, "owner", 0.0) is None
    inbox.release(ONE)
    assert trade_ids(claimed(inbox)) == [["B1-1", "B1-2", "B1-3"]]


def test_a_claim_in_flight_still_settles(inbox: Inbox) -> None:
    """Holding does not take a partition from its owner; after the settle it stays held."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.hold(ONE, "a reason")
    assert inbox.settle(0, claim.token, [Settlement(ONE, 1)]) == [True]
    assert inbox.claim(0, "owner", 0.0) is None
    assert (waiting(inbox.redis, ONE), due_in_ms(inbox.redis, ONE)) == (1, None)


def test_a_claim_postponed_meanwhile_stays_held(inbox: Inbox) -> None:
    """A failed batch of a held partition is not tried again before the release."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    inbox.hold(ONE, "a reason")
    inbox.postpone(0, claim.token, [ONE], 0.0)
    inbox.redis.zadd(KEYS.due, {ONE: 0}, xx=True)
    assert inbox.claim(0, "owner", 0.0) is None
    inbox.release(ONE)
    assert claimed(inbox).keys == [ONE]


def test_holding_twice_changes_only_the_reason(inbox: Inbox, settings: Settings) -> None:
    """The second answer says that it was held; operators see the newer reason."""
    inbox.accept(submissions(1, "B1"))
    assert inbox.hold(ONE, "first")
    assert not inbox.hold(ONE, "second")
    row = InboxReader(inbox.redis, settings.lanes).partition(ONE)
    assert row is not None
    assert row.held == "second"


def test_a_partition_may_be_held_before_its_first_trade(inbox: Inbox) -> None:
    """Then nothing of it is ever claimed until it is released."""
    inbox.hold(ONE, "not open yet")
    assert inbox.accept(submissions(1, "B1")).ring == []
    assert inbox.claim(0, "owner", 0.0) is None


def test_a_release_rings_if_something_waits(inbox: Inbox) -> None:
    """An empty partition needs no bell, and a bell that waits is not rung again."""
    inbox.hold(ONE, "a reason")
    assert inbox.release(ONE) == []
    inbox.hold(ONE, "a reason")
    inbox.accept(submissions(1, "B1"))
    assert inbox.release(ONE) == [0]
    assert inbox.release(ONE) == []


def test_a_release_finds_the_partitions_lane(inbox: Inbox, settings: Settings) -> None:
    """With many lanes the one that the partition belongs to is rung."""
    many = Inbox(inbox.redis, replace(settings, lanes=16))
    for number in range(30):
        book = f"B{number}"
        many.hold(partition_of(book), "a reason")
        assert many.accept(submissions(1, book)).ring == []
        for lane in many.release(partition_of(book)):
            claim = many.claim(lane, "owner", 0.0)
            assert claim is not None
            assert claim.keys == [partition_of(book)]
            many.clear_bell(lane)
