"""Parking: the trade at fault is recorded, its partition halted, and what waits behind it waits."""

import msgspec
import pytest

from tests.support.builders import NOW, PARTITION, broken, claim, entry, partition_of, submission
from tests.support.ledger.ledger_snapshot import (
    TASK,
    all_rows,
    capture,
    captured,
    contents,
    exception_rows,
    partition_row,
    trade_rows,
    waiting_trades,
)
from tradecapture.inbox import Entry
from tradecapture.ledger import Ledger, PartitionResult
from tradecapture.ledger.schema.tables import outbox
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.submission import Submission

WHY = "ValueError: cannot be captured"
AT_FAULT = entry(broken("T-3", "BOOK1"), 3)


def park(ledger: Ledger, at_fault: Entry, fence: int = 1) -> PartitionResult:
    """Park a trade, as the worker does that found it."""
    return ledger.park(claim(at_fault, fence=fence), at_fault, WHY, TASK, lambda: NOW)


def test_a_parked_trade_is_recorded_and_halts_its_partition(ledger: Ledger) -> None:
    """With its document, its place and its reason; operators find all three."""
    capture(ledger, *waiting_trades(2))
    verdict = park(ledger, AT_FAULT, fence=2)
    assert verdict == PartitionResult(PARTITION, 1, {Outcome.PARKED: 1}, hold=WHY)
    (row,) = exception_rows(ledger)
    assert (row.trade_id, row.outcome, row.reason) == ("T-3", "PARKED", WHY)
    assert row.document.encode() == AT_FAULT.submission.document
    halted = partition_row(ledger)
    assert (halted.halted_position, halted.halted_reason, halted.fence) == (3, WHY, 2)
    assert (halted.last_sequence, halted.last_position) == (2, 2)


def test_the_first_trade_of_a_partition_may_be_the_one_at_fault(ledger: Ledger) -> None:
    """The partition's row is made to be halted."""
    first = entry(broken("T-1", "BOOK1"), 1)
    assert park(ledger, first).hold == WHY
    assert partition_row(ledger).halted_position == 1


def test_a_halted_partition_captures_nothing(ledger: Ledger) -> None:
    """Order first: what comes behind the parked trade is not written, whoever asks."""
    park(ledger, AT_FAULT)
    before = contents(ledger)
    (verdict,) = capture(ledger, *waiting_trades(2, first=4), fence=2)
    assert verdict == PartitionResult(PARTITION, 0, {}, hold=WHY)
    assert contents(ledger) == before


def test_other_partitions_of_the_claim_go_on(ledger: Ledger) -> None:
    """Only the partition at fault is halted."""
    park(ledger, AT_FAULT)
    verdicts = capture(ledger, *waiting_trades(1, first=4), *waiting_trades(2, "B2"), fence=2)
    assert verdicts[1] == captured(partition_of("B2"), 2)


def test_a_worker_that_died_between_park_and_complete_is_finished_by_the_next(
    ledger: Ledger,
) -> None:
    """The parked trade comes again with what stood before and behind it in the inbox.

    Everything up to it is in the ledger and may leave the inbox; what is behind it stays.
    """
    before_it, behind_it = waiting_trades(2), waiting_trades(2, first=4)
    capture(ledger, *before_it)
    park(ledger, AT_FAULT)
    known = contents(ledger)
    (verdict,) = capture(ledger, *before_it, AT_FAULT, *behind_it, fence=2)
    assert verdict == PartitionResult(PARTITION, 3, {}, hold=WHY)
    (verdict,) = capture(ledger, AT_FAULT, *behind_it, fence=3)
    assert verdict == PartitionResult(PARTITION, 1, {}, hold=WHY)
    assert contents(ledger) == known
    assert [row.position for row in trade_rows(ledger)] == [1, 2]


def test_parking_twice_records_once(ledger: Ledger) -> None:
    """A commit whose answer was lost is tried again."""
    first = park(ledger, AT_FAULT)
    known = contents(ledger)
    assert park(ledger, AT_FAULT) == first
    assert contents(ledger) == known


def test_a_parked_trade_is_told_to_its_submitter(ledger: Ledger) -> None:
    """As an event in the outbox, like every outcome."""
    sent = broken("T-9", "BOOK1")
    asked = Submission(
        sent.partition_key, sent.trade_id, sent.digest, sent.document, callback_url="https://d/x"
    )
    park(ledger, entry(asked, 1))
    ((_number, *event),) = all_rows(ledger.engine, outbox)
    assert event[:4] == ["T-9", PARTITION, "PARKED", "https://d/x"]


def test_what_cannot_be_captured_leaves_nothing_behind(ledger: Ledger) -> None:
    """One broken trade in a batch: the transaction is rolled back as a whole."""
    batch = [*waiting_trades(2), AT_FAULT, *waiting_trades(1, "B2")]
    with pytest.raises(msgspec.DecodeError):
        capture(ledger, *batch)
    assert contents(ledger) == [[], [], []]
    assert capture(ledger, entry(submission("T-5"), 5)) == [captured(PARTITION, 1)]
