"""Holds: a held partition is not claimed; its trades are accepted and wait in order."""

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
    """Its trades wait until the hold is lifted; then they come in order."""
    inbox.accept(submissions(1, "B1"))
    assert inbox.hold(ONE, Hold.by_operator("ann", "corporate action"))
    inbox.accept(submissions(3, "B1"))
    assert inbox.claim(0, "owner", 0.0) is None
    inbox.unhold(ONE)
    assert trade_ids(claimed(inbox)) == [["B1-1", "B1-2", "B1-3"]]


def test_a_claim_made_before_the_hold_can_be_completed(inbox: Inbox) -> None:
    """A hold does not take a partition from its owner; after completion it stays held."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.hold(ONE, Hold.by_operator("ann", "a reason"))
    assert inbox.complete(0, claim.token, [Completion(ONE, 1)]) == [True]
    assert inbox.claim(0, "owner", 0.0) is None
    assert (waiting(inbox.redis, ONE), due_in_ms(inbox.redis, ONE)) == (1, None)


def test_a_partition_held_and_then_postponed_stays_held(inbox: Inbox) -> None:
    """A failed batch of a held partition is not tried again until the hold is lifted."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    inbox.hold(ONE, Hold.by_operator("ann", "a reason"))
    inbox.postpone(0, claim.token, [ONE], 0.0)
    inbox.redis.zadd(KEYS.due, {ONE: 0}, xx=True)
    assert inbox.claim(0, "owner", 0.0) is None
    inbox.unhold(ONE)
    assert claimed(inbox).partition_keys == [ONE]


def test_holding_twice_changes_only_the_reason(inbox: Inbox, settings: Settings) -> None:
    """The second result says that it was held before; operators see the newer reason."""
    inbox.accept(submissions(1, "B1"))
    assert inbox.hold(ONE, Hold.by_operator("ann", "first"))
    assert not inbox.hold(ONE, Hold.by_operator("ann", "second"))
    row = InboxReader(inbox.redis, settings.lanes).partition(ONE)
    assert row is not None
    assert row.hold == Hold.by_operator("ann", "second")


def test_a_partition_may_be_held_before_its_first_trade(inbox: Inbox) -> None:
    """Then it is not claimed until the hold is lifted."""
    inbox.hold(ONE, Hold.by_operator("ann", "not open yet"))
    assert inbox.accept(submissions(1, "B1")).lanes_to_ring == []
    assert inbox.claim(0, "owner", 0.0) is None


def test_unhold_rings_if_a_trade_waits(inbox: Inbox) -> None:
    """It does not ring for an empty partition, or while a bell is waiting."""
    inbox.hold(ONE, Hold.by_operator("ann", "a reason"))
    assert inbox.unhold(ONE) == []
    inbox.hold(ONE, Hold.by_operator("ann", "a reason"))
    inbox.accept(submissions(1, "B1"))
    assert inbox.unhold(ONE) == [0]
    assert inbox.unhold(ONE) == []


def test_unhold_rings_the_lane_of_the_partition(inbox: Inbox, settings: Settings) -> None:
    """With many lanes it rings the one that the partition belongs to."""
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
    """A completion that halts a partition keeps the pause that an operator placed before."""
    inbox.accept(submissions(2, "B1"))
    claim = claimed(inbox)
    inbox.hold(ONE, Hold.by_operator("ann", "corporate action"))
    assert inbox.complete(0, claim.token, [Completion(ONE, 1, "B1-1 failed")]) == [True]
    row = InboxReader(inbox.redis, settings.lanes).partition(ONE)
    assert row is not None
    assert row.hold == Hold.by_operator("ann", "corporate action")


@pytest.mark.parametrize("kind", HoldKind)
def test_unhold_of_one_kind_leaves_the_other(inbox: Inbox, kind: HoldKind) -> None:
    """A retry of a parked trade does not lift a pause, and a resume does not lift a halt."""
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
    """No reason makes a halt look like an operator's pause."""
    hold = Hold.by_operator(who, why) if paused else Hold.halt(why)
    assert Hold.decode(hold.encode()) == hold
    assert hold.encode().startswith("PAUSED ") == paused


def test_an_operators_name_contains_no_colon() -> None:
    """A colon would end the name early."""
    with pytest.raises(ValueError, match="must hold no colon"):
        Hold.by_operator("ann: really", "why")
