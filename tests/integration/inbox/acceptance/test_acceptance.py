"""Acceptance: positions have no gaps, each trade is one entry, and refusals keep nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from tests.support.builders import partition_of, submission, submissions
from tests.support.inbox.redis_snapshot import KEYS, claimed, everything, trade_ids, waiting
from tradecapture.inbox import Completion, Hold, Inbox, connect_redis
from tradecapture.inbox.acceptance import MAX_CALL_TRADES
from tradecapture.local.servers.ports import free_port
from tradecapture.settings import Settings
from tradecapture.trades.partition import lane_of
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode
from tradecapture.trades.submission import Submission

ONE, TWO = partition_of("B1"), partition_of("B2")


def receipts(inbox: Inbox, batch: list[Submission]) -> list[Receipt]:
    """Accept trades, which must all be accepted, and return their receipts in order."""
    answers = inbox.accept(batch).answers
    found = [answer for answer in answers if isinstance(answer, Receipt)]
    assert len(found) == len(answers), answers
    return found


def positions(inbox: Inbox, batch: list[Submission]) -> list[int]:
    """Accept trades and return their positions."""
    return [receipt.position for receipt in receipts(inbox, batch)]


@pytest.fixture
def full_redis(redis: "Redis") -> Iterator["Redis"]:
    """A Redis that a test may fill; the fixture makes room again."""
    yield redis
    redis.config_set("maxmemory", 0)


def fill_after(redis: "Redis", room: int) -> None:
    """Leave Redis room for about so many bytes."""
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + room)


def test_positions_have_no_gaps(inbox: Inbox) -> None:
    """Each partition counts 1, 2, 3 … across all calls."""
    mixed = [
        s for pair in zip(submissions(3, "B1"), submissions(3, "B2"), strict=True) for s in pair
    ]
    assert positions(inbox, mixed) == [1, 1, 2, 2, 3, 3]
    assert positions(inbox, submissions(2, "B1", first=4)) == [4, 5]


def test_answers_stand_in_the_order_of_the_submissions(inbox: Inbox, settings: Settings) -> None:
    """The order is kept when the trades go to many lanes."""
    many = Inbox(inbox.redis, replace(settings, lanes=16))
    batch = [submission(f"T-{number}", f"B{number % 40}") for number in range(200)]
    assert [receipt.trade_id for receipt in receipts(many, batch)] == [s.trade_id for s in batch]
    assert [r.position for r in receipts(many, batch)] == [1 + n // 40 for n in range(200)]


def test_a_receipt_says_where_and_when(inbox: Inbox) -> None:
    """It has the partition, the position and the time of Redis, and is no duplicate."""
    (receipt,) = receipts(inbox, [submission("T-1", "B1")])
    seconds, _microseconds = inbox.redis.time()
    assert (receipt.trade_id, receipt.partition_key, receipt.duplicate) == ("T-1", ONE, False)
    assert abs(receipt.accepted_at.timestamp() - seconds) < 5


def test_a_resend_gets_the_first_receipt_again(inbox: Inbox) -> None:
    """It has the same position and time, is marked as a duplicate, and adds no entry."""
    first = receipts(inbox, submissions(3, "B1"))
    before = everything(inbox.redis)
    again = receipts(inbox, submissions(3, "B1"))
    assert all(receipt.duplicate for receipt in again)
    assert [(r.position, r.accepted_at) for r in again] == [
        (r.position, r.accepted_at) for r in first
    ]
    assert everything(inbox.redis) == before


def test_a_resend_in_the_same_batch_is_one_trade(inbox: Inbox) -> None:
    """Each repetition in the batch gets the first position."""
    one, two = submissions(2, "B1")
    assert positions(inbox, [one, one, two, one]) == [1, 1, 2, 1]
    assert waiting(inbox.redis, ONE) == 2


def test_the_same_id_with_other_content_is_a_conflict(inbox: Inbox) -> None:
    """It is refused, takes no position and leaves no entry; the first trade stays."""
    receipts(inbox, [submission("T-1", "B1")])
    before = everything(inbox.redis)
    (refusal,) = inbox.accept([submission("T-1", "B1", source="MANUAL")]).answers
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.CONFLICT
    assert everything(inbox.redis) == before
    assert positions(inbox, [submission("T-2", "B1")]) == [2]


def test_a_conflict_is_known_in_every_lane(inbox: Inbox, settings: Settings) -> None:
    """It is recognised when the other content belongs to a partition of another lane."""
    many = Inbox(inbox.redis, replace(settings, lanes=16))
    receipts(many, [submission("T-1", "B0")])
    for number in range(1, 20):
        (refusal,) = many.accept([submission("T-1", f"B{number}")]).answers
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.CONFLICT


def test_a_conflict_in_a_batch_refuses_one_trade(inbox: Inbox) -> None:
    """The trades around it are accepted in order."""
    batch = [submission("T-1"), submission("T-1", source="MANUAL"), submission("T-2")]
    answers = inbox.accept(batch).answers
    assert [type(answer) for answer in answers] == [Receipt, Refusal, Receipt]


def test_a_batch_of_many_round_trips_keeps_its_order(inbox: Inbox) -> None:
    """The order is kept when one lane gets more trades than one call takes."""
    number = 2 * MAX_CALL_TRADES + 100
    batch = [submission(f"T-{index}", f"B{1 + index % 2}") for index in range(number)]
    assert positions(inbox, batch) == [1 + index // 2 for index in range(number)]
    ids = trade_ids(claimed(Inbox(inbox.redis, replace(Settings(), batch_trades=10_000))))
    assert ids == [
        [f"T-{index}" for index in range(number) if index % 2 == first] for first in (0, 1)
    ]


def test_a_full_redis_refuses_and_keeps_nothing(inbox: Inbox, full_redis: "Redis") -> None:
    """Out of memory, no part of a trade is stored; with room again, positions have no gap."""
    receipts(inbox, submissions(2, "B1"))
    before = everything(full_redis)
    full_redis.config_set("maxmemory", 1)
    acceptance = inbox.accept(submissions(5, "B1"))
    full_redis.config_set("maxmemory", 0)
    assert acceptance.lanes_to_ring == []
    for answer in acceptance.answers:
        assert isinstance(answer, Refusal)
        assert answer.code is RefusalCode.UNAVAILABLE
        assert "send it again, a resend is harmless" in answer.message
    assert everything(full_redis) == before
    assert positions(inbox, submissions(5, "B1")) == [1, 2, 3, 4, 5]


def test_after_a_refused_call_nothing_of_the_lane_is_accepted(
    inbox: Inbox, full_redis: "Redis"
) -> None:
    """If large trades find no room, small ones after them are refused too."""
    notes = ("small", "x" * 10_000, "small")
    batch = [
        submission(f"T-{n}", metadata={"note": notes[n // MAX_CALL_TRADES]})
        for n in range(3 * MAX_CALL_TRADES)
    ]
    fill_after(full_redis, 3_000_000)  # room for all small trades, not for the large ones
    answers = inbox.accept(batch).answers
    accepted = [isinstance(answer, Receipt) for answer in answers]
    assert accepted == [True] * MAX_CALL_TRADES + [False] * (2 * MAX_CALL_TRADES)
    full_redis.config_set("maxmemory", 0)
    assert positions(inbox, batch) == list(range(1, 1 + len(batch)))


def test_a_full_redis_can_still_be_emptied(inbox: Inbox, full_redis: "Redis") -> None:
    """Claims, renewals, completions, bells and holds work in a full Redis."""
    inbox.accept(submissions(2, "B1") + submissions(2, "B2"))
    inbox.clear_bell(0)
    full_redis.config_set("maxmemory", 1)
    assert inbox.reserve_bells() == [0]
    claim = claimed(inbox)
    assert inbox.renew(0, claim.token, [ONE]) == [True]
    assert inbox.hold(TWO, Hold.halt("a reason"))
    assert inbox.complete(0, claim.token, [Completion(ONE, 2)]) == [True]
    assert inbox.postpone(0, claim.token, [TWO], 0.0) == [0]
    inbox.unhold(TWO)
    assert trade_ids(claimed(inbox)) == [["B2-1", "B2-2"]]


def test_a_redis_that_was_restarted_is_told_the_scripts_again(
    inbox: Inbox, settings: Settings
) -> None:
    """Its script cache is empty; no trade is refused because of that, in any lane."""
    many = Inbox(inbox.redis, replace(settings, lanes=4))
    batch = [submission(f"T-{number}", f"B{number}") for number in range(20)]
    inbox.redis.script_flush()
    receipts(many, batch)
    inbox.redis.script_flush()
    assert many.claim(lane_of(partition_of("B0"), 4), "owner", 0.0) is not None


def test_an_unreachable_redis_refuses_every_trade(settings: Settings) -> None:
    """Each trade gets a refusal, no exception, when the retries have ended."""
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    inbox = Inbox(connect_redis(nowhere, 1.0), settings)
    answers = inbox.accept(submissions(3)).answers
    assert [answer.code for answer in answers if isinstance(answer, Refusal)] == [
        RefusalCode.UNAVAILABLE
    ] * 3


def test_an_emptied_redis_begins_a_new_epoch(inbox: Inbox) -> None:
    """Positions begin at 1 again, in a greater epoch."""
    inbox.accept(submissions(3))
    (first,) = claimed(inbox).partitions
    inbox.redis.flushall()
    inbox.accept(submissions(1))
    (second,) = claimed(inbox).partitions
    assert second.entries[0].position == 1
    assert second.entries[0].epoch > first.entries[0].epoch


def test_a_resend_is_remembered_for_the_idempotency_window(
    inbox: Inbox, settings: Settings
) -> None:
    """After the window only the ledger recognises the trade."""
    inbox.accept([submission("T-1")])
    assert 0 < inbox.redis.ttl(KEYS.seen("T-1")) <= settings.idempotency_seconds
    inbox.redis.delete(KEYS.seen("T-1"))
    assert positions(inbox, [submission("T-1")]) == [2]


def test_nothing_to_accept_is_no_round_trip(settings: Settings) -> None:
    """An empty batch has no answers, even if Redis is out of reach."""
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    assert Inbox(connect_redis(nowhere, 1.0), settings).accept([]) == ([], [])
