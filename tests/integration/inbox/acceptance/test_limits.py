"""Limits: trades beyond a limit are refused, in order, and a resend is still recognised."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from tests.support.builders import partition_of, submission, submissions
from tests.support.inbox.redis_snapshot import KEYS, claimed, everything, waiting
from tradecapture.inbox import Completion, Hold, Inbox, InboxReader, acceptance
from tradecapture.inbox.acceptance import MAX_CALL_TRADES
from tradecapture.inbox.scripts import Call, Safety, run_all
from tradecapture.settings import Settings
from tradecapture.trades.partition import lane_of
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode
from tradecapture.trades.submission import Submission

ONE, TWO = partition_of("B1"), partition_of("B2")
LANES = 4


def limited(inbox: Inbox, settings: Settings, **limits: int) -> Inbox:
    """Return the same inboxes under other limits."""
    return Inbox(inbox.redis, replace(settings, **limits))  # type: ignore[arg-type]


def answered(inbox: Inbox, batch: list[Submission]) -> str:
    """Accept trades; return a letter each: accepted, duplicate, Partition or Backlog full."""
    letters = ""
    for answer in inbox.accept(batch).answers:
        if isinstance(answer, Receipt):
            letters += "d" if answer.duplicate else "a"
        else:
            letters += "P" if answer.code is RefusalCode.PARTITION_FULL else "B"
    return letters


def refusals(inbox: Inbox, batch: list[Submission]) -> list[Refusal]:
    """Accept trades, which must all be refused because too many wait, and return the refusals."""
    found = [answer for answer in inbox.accept(batch).answers if isinstance(answer, Refusal)]
    assert len(found) == len(batch)
    assert all(refusal.code.is_full for refusal in found)
    return found


def capture_one(inbox: Inbox) -> None:
    """Complete the oldest waiting trade."""
    claim = claimed(inbox)
    rest = [Completion(name, 0) for name in claim.partition_keys[1:]]
    inbox.complete(claim.lane, claim.token, [Completion(claim.partition_keys[0], 1), *rest])


def counted(inbox: Inbox) -> int:
    """Return how many trades wait, by the lanes' counters."""
    return sum(lane.waiting for lane in InboxReader(inbox.redis, inbox.lanes).backlog())


def test_a_partition_takes_as_many_as_it_may(inbox: Inbox, settings: Settings) -> None:
    """It takes exactly its limit; other partitions go on; when one leaves, one is accepted."""
    small = limited(inbox, settings, limit_partition=3)
    assert answered(small, submissions(5, "B1")) == "aaaPP"
    assert answered(small, [*submissions(5, "B1"), *submissions(2, "B2")]) == "dddPPaa"
    assert (waiting(inbox.redis, ONE), counted(inbox)) == (3, 5)
    inbox.redis.zadd(KEYS.due, {ONE: 0})
    capture_one(inbox)
    assert answered(small, submissions(5, "B1")) == "dddaP"


def test_a_lane_takes_as_many_as_it_may(inbox: Inbox, settings: Settings) -> None:
    """It takes exactly its limit in all its partitions together."""
    small = limited(inbox, settings, limit_lane=4)
    batch = [*submissions(2, "B1"), *submissions(3, "B2"), *submissions(1, "B3")]
    assert answered(small, batch) == "aaaaBB"
    capture_one(inbox)
    assert answered(small, batch) == "ddddaB"
    assert counted(inbox) == 4


def test_all_lanes_take_as_many_as_they_may(inbox: Inbox, settings: Settings) -> None:
    """A process counts its own trades at once, those of others within a quarter of a second."""
    small = limited(inbox, settings, limit_total=6, lanes=LANES)
    batch = [submission(f"T-{n}", f"B{n}") for n in range(8)]
    assert len({lane_of(trade.partition_key, LANES) for trade in batch}) == LANES
    letters = answered(small, batch)
    assert (letters.count("a"), letters.count("B")) == (6, 2)
    assert answered(small, batch) == letters.replace("a", "d")
    other = limited(inbox, settings, limit_total=6, lanes=LANES)
    assert answered(other, [submission("more", "B1")]) == "B"
    assert counted(other) == 6


def test_nothing_overtakes_a_refused_trade(inbox: Inbox, settings: Settings) -> None:
    """Its partition stays closed for the rest of the call and of the batch."""
    small = limited(inbox, settings, limit_partition=2)
    number = 2 * MAX_CALL_TRADES
    batch = [*submissions(number, "B1"), *submissions(1, "B2"), *submissions(3, "B1")]
    assert answered(small, batch) == "aa" + "P" * (number - 2) + "a" + "ddP"
    assert small.accept(batch).lanes_to_ring == []


def test_a_closed_partition_stays_closed_though_trades_leave(
    inbox: Inbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room that appears between two calls of a batch is not given to trades after a refused one."""
    small = limited(inbox, settings, limit_lane=MAX_CALL_TRADES - 1)
    batch = [*submissions(MAX_CALL_TRADES, "B1"), *submissions(2, "B1", first=9000)]
    calls = 0

    def with_a_worker(redis: "Redis", calls_of_trip: Sequence[Call], asked: Safety) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 2:
            capture_one(inbox)
        return run_all(redis, calls_of_trip, asked)

    monkeypatch.setattr(acceptance, "run_all", with_a_worker)
    resent = [*batch, submission("other", "B2"), batch[0]]
    assert answered(small, resent) == "a" * (MAX_CALL_TRADES - 1) + "BBB" + "ad"
    assert calls == 2


def test_a_resend_is_recognised_when_all_is_full(inbox: Inbox, settings: Settings) -> None:
    """It gets its first receipt and changes nothing."""
    batch = submissions(3, "B1")
    first = inbox.accept(batch).answers
    full = limited(inbox, settings, limit_total=1, limit_lane=1, limit_partition=1)
    before = everything(inbox.redis)
    again = full.accept(batch).answers
    assert [a.position for a in again if isinstance(a, Receipt)] == [1, 2, 3]
    assert len(first) == len(again) == 3
    assert everything(inbox.redis) == before


def test_a_refused_trade_leaves_nothing(inbox: Inbox, settings: Settings) -> None:
    """It leaves no position, entry or identity, and is accepted later as a new trade."""
    inbox.accept(submissions(2, "B1"))
    before = everything(inbox.redis)
    small = limited(inbox, settings, limit_partition=2)
    refusals(small, submissions(2, "B1", first=3))
    assert everything(inbox.redis) == before
    assert answered(inbox, submissions(1, "B1", first=3)) == "a"


def test_a_refusal_says_how_full_and_when_to_come_back(inbox: Inbox, settings: Settings) -> None:
    """It names the scope, the counts and the seconds: 2 while the drain rate is unknown."""
    small = limited(inbox, settings, limit_partition=2, limit_lane=3)
    inbox.accept(submissions(2, "B1"))
    (full,) = refusals(small, [submission("T-1", "B1")])
    assert full.message == (
        f"2 trades wait in partition {ONE}, and 2 may; nothing of this trade was kept. "
        "Send it again in 2 s"
    )
    inbox.accept([submission("T-2", "B2")])
    (full,) = refusals(small, [submission("T-3", "B2")])
    assert full.message.startswith("3 trades wait in lane 0, and 3 may")
    assert (full.code, full.retry_after_seconds) == (RefusalCode.BACKLOG_FULL, 2)


def test_a_full_held_partition_does_not_drain(inbox: Inbox, settings: Settings) -> None:
    """The client is told to wait longest, and the message says that the partition is held."""
    small = limited(inbox, settings, limit_partition=1)
    inbox.accept(submissions(1, "B1"))
    inbox.hold(ONE, Hold.by_operator("ann", "corporate action"))
    (full,) = refusals(small, [submission("T-1", "B1")])
    assert "which is held" in full.message
    assert full.retry_after_seconds == 60


def test_lanes_that_were_never_counted_are_counted(inbox: Inbox, settings: Settings) -> None:
    """So are lanes whose counters an operator deleted."""
    inbox.accept([*submissions(3, "B1"), *submissions(2, "B2")])
    capture_one(inbox)
    inbox.redis.delete(KEYS.backlog)
    assert counted(inbox) == 0
    small = limited(inbox, settings, limit_lane=5)
    assert answered(small, submissions(2, "B3")) == "aB"
    assert counted(inbox) == 5
