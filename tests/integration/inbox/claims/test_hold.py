"""Holding: a partition is kept from being claimed; its trades are accepted and wait in order."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.builders import partition_of, submissions
from tests.support.inbox.redis_snapshot import KEYS, claimed, due_in_ms, trade_ids, waiting
from tradecapture.inbox import Completion, Hold, HoldKind, Inbox, InboxReader
from tradecapture.settings import Settings

ONE, TWO = partition_of("B1"), partition_of("B2")


def test_a_held_partition_accepts_but_is_not_claimed(inbox: Inbox) -> None:
    """Trades line up behind each other until it is released; then they come in order."""
    inbox.accept(submissions(1, "B1"))
    assert inbox.hold(ONE, Hold.by_operator("ann", "corporate action"))
    inbox.accept(submissions(3, "B1"))
    assert inbox.claim(0, "owner", 0.0) is None
    inbox.unhold(ONE)
    assert trade_ids(claimed(inbox)) == [["B1-1", "B1-2", "B1-3"]]


def test_a_claim_in_flight_still_settles(inbox: Inbox) -> None:
    """Holding does not take a partition from its owner; after the settle it stays held."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.hold(ONE, Hold.by_operator("ann", "a reason"))
    assert inbox.complete(0, claim.token, [Completion(ONE, 1)]) == [True]
    assert inbox.claim(0, "owner", 0.0) is None
    assert (waiting(inbox.redis, ONE), due_in_ms(inbox.redis, ONE)) == (1, None)


def test_a_claim_postponed_meanwhile_stays_held(inbox: Inbox) -> None:
    """A failed batch of a held partition is not tried again before the release."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    inbox.hold(ONE, Hold.by_operator("ann", "a reason"))
    inbox.postpone(0, claim.token, [ONE], 0.0)
    inbox.redis.zadd(KEYS.due, {ONE: 0}, xx=True)
    assert inbox.claim(0, "owner", 0.0) is None
    inbox.unhold(ONE)
    assert claimed(inbox).partition_keys == [ONE]


def test_holding_twice_changes_only_the_reason(inbox: Inbox, settings: Settings) -> None:
    """The second answer says that it was held; operators see the newer reason."""
    inbox.accept(submissions(1, "B1"))
    assert inbox.hold(ONE, Hold.by_operator("ann", "first"))
    assert not inbox.hold(ONE, Hold.by_operator("ann", "second"))
    row = InboxReader(inbox.redis, settings.lanes).partition(ONE)
    assert row is not None
    assert row.hold == Hold.by_operator("ann", "second")


def test_a_partition_may_be_held_before_its_first_trade(inbox: Inbox) -> None:
    """Then nothing of it is ever claimed until it is released."""
    inbox.hold(ONE, Hold.by_operator("ann", "not open yet"))
    assert inbox.accept(submissions(1, "B1")).lanes_to_ring == []
    assert inbox.claim(0, "owner", 0.0) is None


def test_a_release_rings_if_something_waits(inbox: Inbox) -> None:
    """An empty partition needs no bell, and a bell that waits is not rung again."""
    inbox.hold(ONE, Hold.by_operator("ann", "a reason"))
    assert inbox.unhold(ONE) == []
    inbox.hold(ONE, Hold.by_operator("ann", "a reason"))
    inbox.accept(submissions(1, "B1"))
    assert inbox.unhold(ONE) == [0]
    assert inbox.unhold(ONE) == []


def test_a_release_finds_the_partitions_lane(inbox: Inbox, settings: Settings) -> None:
    """With many lanes the one that the partition belongs to is rung."""
    many = Inbox(inbox.redis, replace(settings, lanes=16))
    for number in range(30):
        book = f"B{number}"
        many.hold(partition_of(book), Hold.by_operator("ann", "a reason"))
        assert many.accept(submissions(1, book)).lanes_to_ring == []
        for lane in many.unhold(partition_of(book)):
            claim = many.claim(lane, "owner", 0.0)
            assert claim is not None
            assert claim.partition_keys == [partition_of(book)]
            many.clear_bell(lane)


def test_a_halt_does_not_replace_a_pause(inbox: Inbox, settings: Settings) -> None:
    """An operator paused while a claim was in flight: its settlement must not undo that."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.hold(ONE, Hold.by_operator("ann", "corporate action"))
    assert inbox.complete(0, claim.token, [Completion(ONE, 1, "B1-1 failed")]) == [True]
    row = InboxReader(inbox.redis, settings.lanes).partition(ONE)
    assert row is not None
    assert row.hold == Hold.by_operator("ann", "corporate action")


@pytest.mark.parametrize("kind", HoldKind)
def test_a_release_of_one_kind_leaves_the_other(inbox: Inbox, kind: HoldKind) -> None:
    """A retry of a halted trade does not undo a pause, nor a resume a halt."""
    holds = {HoldKind.PAUSED: Hold.by_operator("ann", "x"), HoldKind.HALTED: Hold.halt("x")}
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    inbox.hold(ONE, holds.pop(kind))
    inbox.hold(TWO, holds.popitem()[1])
    inbox.clear_bell(0)
    assert inbox.unhold(TWO, kind) == []
    assert inbox.claim(0, "owner", 0.0) is None
    assert inbox.unhold(ONE, kind) == [0]
    assert claimed(inbox).partition_keys == [ONE]


@given(st.text(), st.text(st.characters(exclude_characters=":")), st.booleans())
@example("PAUSED by ann: that is how the trade is called", "", False)
@example(" PAUSED ", "", False)
@example(": ", "ann", True)
def test_a_hold_is_read_as_it_was_written(why: str, who: str, paused: bool) -> None:
    """Whatever the reason says: no halt can look like an operator's pause."""
    hold = Hold.by_operator(who, why) if paused else Hold.halt(why)
    assert Hold.decode(hold.encode()) == hold
    assert hold.encode().startswith("PAUSED ") == paused


def test_an_operators_name_holds_no_colon() -> None:
    """It would end the name early."""
    with pytest.raises(ValueError, match="must hold no colon"):
        Hold.by_operator("ann: really", "why")
