"""Upstream's numbers: in order, buffered, rejected; and what the missing number takes along."""

import re

import pytest
from msgspec import structs
from sqlalchemy import event

from tests.support.builders import PARTITION, entries, entry, numbered, partition_of, submission
from tests.support.ledger.ledger_snapshot import (
    all_rows,
    capture,
    contents,
    exception_rows,
    nothing_new,
    partition_row,
    shares,
    trade_rows,
)
from tests.support.ledger.sequence_numbers import (
    WINDOW,
    arrive,
    arriving,
    buffered,
    captured_ids,
    captured_numbers,
    ended,
)
from tradecapture.ledger import Ledger, LedgerReader, PartitionResult
from tradecapture.ledger.schema.tables import outbox
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.trade import MAX_SEQUENCE_NUMBER

CAPTURED, BUFFERED, REJECTED = Outcome.CAPTURED, Outcome.BUFFERED, Outcome.REJECTED


def test_numbers_in_order_are_captured_at_once(ledger: Ledger) -> None:
    """1 and 2 on an empty partition, and 3 in the next batch."""
    assert arrive(ledger, 1, 2) == {CAPTURED: 2}
    assert arrive(ledger, 3, first=3, fence=2) == {CAPTURED: 1}
    assert captured_numbers(ledger) == [1, 2, 3]
    assert {row.buffered_at for row in trade_rows(ledger)} == {None}
    assert (partition_row(ledger).upstream, buffered(ledger)) == (3, [])


def test_a_number_ahead_of_its_turn_is_buffered_in_the_ledger(ledger: Ledger) -> None:
    """Its row says what it waits for, keeps the document, and changes nothing of the holding."""
    capture(ledger, *arriving(1, 2))
    before = shares(ledger)
    (verdict,) = capture(ledger, *arriving(5, first=3))
    assert verdict == PartitionResult(PARTITION, 1, {BUFFERED: 1}, upstream_number=2)
    (row,) = exception_rows(ledger)
    assert (row.trade_id, row.outcome, row.reason) == ("N-5", "BUFFERED", "number 3 is awaited")
    assert (row.sequence_number, row.position) == (5, 3)
    assert row.document.encode() == numbered(5).document
    assert (shares(ledger), captured_numbers(ledger), buffered(ledger)) == (before, [1, 2], ["N-5"])


def test_a_buffered_trade_is_written_by_the_capture_transaction(ledger: Ledger) -> None:
    """Together with what is captured beside it: if the transaction fails, neither is there."""

    def fail(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if re.search(r"\bUPDATE\s.*partitions", statement, re.DOTALL):  # the last statement
            raise ValueError("the machine stops here")

    event.listen(ledger.engine, "before_cursor_execute", fail)
    with pytest.raises(ValueError, match="stops here"):
        capture(ledger, *arriving(1, 5))
    event.remove(ledger.engine, "before_cursor_execute", fail)
    assert contents(ledger) == [[], [], []]
    assert arrive(ledger, 1, 5) == {CAPTURED: 1, BUFFERED: 1}


def test_a_passed_number_is_rejected(ledger: Ledger) -> None:
    """Whether its trade was captured or not; the reason says where the partition is."""
    arrive(ledger, 1, 2, 3)
    capture(ledger, entry(numbered(2, "late"), 4))
    assert ended(ledger, REJECTED) == ["late"]
    (row,) = exception_rows(ledger)
    assert row.reason == "sequence number 2 was passed: the partition is at 3"
    assert captured_numbers(ledger) == [1, 2, 3]


def test_a_gap_as_wide_as_the_window_is_buffered_and_a_wider_one_rejected(ledger: Ledger) -> None:
    """Seen from the number that the partition has reached, not from what is buffered."""
    arrive(ledger, 1)
    assert arrive(ledger, 1 + WINDOW, 2 + WINDOW, first=2) == {BUFFERED: 1, REJECTED: 1}
    assert buffered(ledger) == [f"N-{1 + WINDOW}"]
    (rejected,) = (row for row in exception_rows(ledger) if row.outcome == REJECTED)
    assert rejected.reason.startswith("sequence number 102 is more than 100 ahead of 1")


def test_a_trade_without_a_number_takes_no_turns(ledger: Ledger) -> None:
    """It is captured at once, before buffered ones too, and moves no number."""
    arrive(ledger, 1, 3)
    assert capture(ledger, entry(submission("none"), 3)) == [
        PartitionResult(PARTITION, 1, {CAPTURED: 1}, upstream_number=1)
    ]
    assert captured_ids(ledger) == ["N-1", "none"]
    assert buffered(ledger) == ["N-3"]


def test_the_missing_number_is_captured_first_and_its_followers_after_it(
    ledger: Ledger, reader: LedgerReader
) -> None:
    """In one transaction, up to the next gap; they keep their positions, nothing is inverted."""
    arrive(ledger, 1, 4, 3, 6)
    assert arrive(ledger, 2, first=5, fence=2) == {CAPTURED: 3}
    assert captured_numbers(ledger) == [1, 2, 3, 4]
    assert [row.position for row in trade_rows(ledger)] == [1, 5, 3, 2]
    waited = {row.trade_id for row in trade_rows(ledger) if row.buffered_at is not None}
    assert (waited, buffered(ledger)) == ({"N-3", "N-4"}, ["N-6"])
    assert shares(ledger) == 4000
    assert (reader.count_inversions(), reader.count_broken_sequences()) == (0, 0)


def test_followers_in_the_same_batch_are_captured_with_it(ledger: Ledger) -> None:
    """What is buffered and released by one batch is never written as buffered."""
    assert arrive(ledger, 3, 2, 1, 5) == {CAPTURED: 3, BUFFERED: 1}
    assert captured_numbers(ledger) == [1, 2, 3]
    assert [row.trade_id for row in exception_rows(ledger)] == ["N-5"]


def test_what_comes_behind_the_missing_number_stays_behind_its_followers(ledger: Ledger) -> None:
    """A trade without a number that was accepted after it is captured after all of them."""
    arrive(ledger, 2, 3)
    capture(ledger, entry(numbered(1), 3), entry(submission("none"), 4), fence=2)
    assert captured_ids(ledger) == ["N-1", "N-2", "N-3", "none"]


def test_a_number_that_a_buffered_trade_has_is_rejected(ledger: Ledger) -> None:
    """The first one keeps its place, in the same batch or a later one."""
    first, twin = entry(numbered(3), 1), entry(numbered(3, "twin"), 2)
    capture(ledger, first, twin)
    capture(ledger, entry(numbered(3, "later twin"), 3), fence=2)
    assert (buffered(ledger), ended(ledger, REJECTED)) == (["N-3"], ["twin", "later twin"])
    reasons = {row.reason for row in exception_rows(ledger) if row.outcome == REJECTED}
    assert reasons == {"sequence number 3 is that of trade N-3"}


def test_a_buffered_trade_delivered_again_changes_nothing(ledger: Ledger) -> None:
    """A worker that could not settle is repeated by the next."""
    capture(ledger, *arriving(1, 3, 5))
    before = contents(ledger)
    assert capture(ledger, *arriving(1, 3, 5)) == [
        nothing_new(PARTITION, 3)._replace(upstream_number=1)
    ]
    assert contents(ledger) == before


def test_a_released_trade_delivered_again_changes_nothing(ledger: Ledger) -> None:
    """It stands among the captured ones now, under the place where it was accepted."""
    capture(ledger, *arriving(1, 3, 2))
    before = contents(ledger)
    capture(ledger, *arriving(1, 3, 2))
    assert contents(ledger) == before


def test_the_same_trade_again_while_it_is_buffered_is_a_duplicate(ledger: Ledger) -> None:
    """After the idempotency window; other content under its id is a conflict. One is captured."""
    arrive(ledger, 3)
    capture(ledger, entry(numbered(3), 2), entry(numbered(4, "N-3"), 3), fence=2)
    assert (buffered(ledger), ended(ledger, Outcome.DUPLICATE)) == (["N-3"], ["N-3"])
    (conflict,) = (row for row in exception_rows(ledger) if row.outcome == REJECTED)
    assert conflict.reason.startswith("DUPLICATE_TRADE_ID_DIFFERENT_PAYLOAD")
    arrive(ledger, 1, 2, first=4, fence=3)
    assert captured_numbers(ledger) == [1, 2, 3]


def test_the_id_of_a_buffered_trade_is_taken_in_every_partition(ledger: Ledger) -> None:
    """Whatever the number: the id is the key."""
    arrive(ledger, 3)
    (verdict,) = capture(ledger, entry(numbered(1, "N-3", "B2"), 1), fence=2)
    assert verdict.outcomes == {REJECTED: 1}


def test_the_largest_numbers_are_counted_exactly(ledger: Ledger) -> None:
    """Up to 2**63 - 1, on which nothing follows."""
    last = MAX_SEQUENCE_NUMBER
    capture(ledger, entry(submission("none"), 1))
    row = partition_row(ledger)
    with ledger.engine.begin() as connection:
        ledger.dialect.update_partitions(connection, [row._replace(upstream=last - 3)])
    assert arrive(ledger, last, last - 1, first=2, fence=2) == {BUFFERED: 2}
    assert arrive(ledger, last - 2, first=4, fence=3) == {CAPTURED: 3}
    assert captured_numbers(ledger) == [None, last - 2, last - 1, last]
    assert partition_row(ledger).upstream == last
    again = entries([numbered(last, "again"), submission("none after")], 5)
    (verdict,) = capture(ledger, *again, fence=4)
    assert verdict.outcomes == {REJECTED: 1, CAPTURED: 1}


def test_the_largest_number_is_too_far_for_a_new_partition(ledger: Ledger) -> None:
    """It is rejected, and the partition goes on."""
    assert arrive(ledger, MAX_SEQUENCE_NUMBER, 1) == {REJECTED: 1, CAPTURED: 1}


def test_partitions_of_a_claim_count_for_themselves(ledger: Ledger) -> None:
    """The same number in two partitions is two numbers, and each releases its own followers."""
    one, two = [numbered(2, "a2"), numbered(1, "a1")], [numbered(2, "b2", "B2")]
    capture(ledger, *entries(one[:1]), *entries(two))
    capture(ledger, entry(one[1], 2), entry(numbered(1, "b1", "B2"), 2), fence=2)
    ids = [(row.partition_key, row.trade_id) for row in trade_rows(ledger)]
    book_1, book_2 = PARTITION, partition_of("B2")
    assert ids == [(book_2, "b1"), (book_2, "b2"), (book_1, "a1"), (book_1, "a2")]


def test_the_outcome_of_a_buffered_trade_is_told_when_it_has_one(ledger: Ledger) -> None:
    """Buffered is none yet: one event, when it is captured."""
    capture(ledger, entry(structs.replace(numbered(2), callback_url="https://d/x"), 1))
    assert all_rows(ledger.engine, outbox) == []
    arrive(ledger, 1, first=2, fence=2)
    ((_number, *told),) = all_rows(ledger.engine, outbox)
    assert told[:4] == ["N-2", PARTITION, "CAPTURED", "https://d/x"]


def test_what_is_buffered_is_in_the_database(ledger: Ledger, ledger_settings: Settings) -> None:
    """Not in a process: after a restart of everything another one releases it."""
    arrive(ledger, 1, 3)
    other = Ledger(ledger_settings)
    try:
        assert arrive(other, 2, first=3, fence=2) == {CAPTURED: 2}
    finally:
        other.dispose()
    assert captured_numbers(ledger) == [1, 2, 3]


@pytest.mark.parametrize("turn", [1, 2])
def test_an_id_that_two_partitions_got_at_the_same_moment_is_captured_once(
    ledger: Ledger, reader: LedgerReader, turn: int
) -> None:
    """One is buffered and the other captured or buffered too, before either could be seen.

    The one whose turn comes later is rejected then: neither lost, nor a stone in the way.
    """
    arrive(ledger, 2)
    twin = entry(numbered(turn, "twin", "B2"), 1)
    capture(ledger, twin, fence=2)
    # Two transactions do not see each other's rows: what each would have written, side by side.
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE exceptions SET trade_id = 'twin' WHERE trade_id = 'N-2'")
    before = exception_rows(ledger), trade_rows(ledger)
    capture(ledger, entry(numbered(2, "twin"), 1), fence=2)
    capture(ledger, twin, fence=2)
    assert (exception_rows(ledger), trade_rows(ledger)) == before, "each is known by its place"
    arrive(ledger, 1, 3, first=2, fence=3)
    capture(ledger, entry(numbered(3 - turn, "b", "B2"), 2), fence=4)
    assert sorted(captured_ids(ledger)).count("twin") == 1
    assert ended(ledger, REJECTED) == ["twin"]
    assert (buffered(ledger), buffered(ledger, partition_of("B2"))) == ([], [])
    assert partition_row(ledger).upstream == 3
    assert (reader.count_inversions(), reader.count_broken_sequences()) == (0, 0)
