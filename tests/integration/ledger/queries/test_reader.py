"""The reading side: one trade, the sums to reconcile, and the two numbers that must stay 0."""

import pytest
from sqlalchemy import update

from tests.support.builders import EPOCH, NOW, PARTITION, claim, entry, partition_of, submission
from tests.support.ledger.ledger_snapshot import TASK, capture, waiting_trades
from tradecapture.ledger import ExceptionRow, Ledger, LedgerReader, TradeRow
from tradecapture.ledger.queries.reader import OutcomeCount
from tradecapture.ledger.schema.tables import trades
from tradecapture.trades.lifecycle import Outcome


def change(ledger: Ledger, trade_id: str, **values: int) -> None:
    """Change a captured trade by hand, as a bug would."""
    with ledger.engine.begin() as connection:
        connection.execute(update(trades).where(trades.c.trade_id == trade_id).values(values))


def test_a_captured_trade_is_found_by_its_id(ledger: Ledger, reader: LedgerReader) -> None:
    """Exactly by its id: another case is another trade."""
    capture(ledger, *waiting_trades(3))
    row = reader.trade("BOOK1-2")
    assert isinstance(row, TradeRow)
    assert (row.ledger_sequence, row.position, row.captured_at) == (2, 2, NOW)
    assert reader.trade("book1-2") is None
    assert reader.trade("T-unknown") is None


def test_a_parked_trade_is_found_with_its_reason(ledger: Ledger, reader: LedgerReader) -> None:
    """As the last thing that was recorded of it."""
    at_fault = entry(submission("T-1"))
    ledger.park(claim(at_fault), at_fault, "why", TASK, lambda: NOW)
    row = reader.trade("T-1")
    assert isinstance(row, ExceptionRow)
    assert (row.outcome, row.reason) == ("PARKED", "why")


def test_captured_wins_over_a_later_exception(ledger: Ledger, reader: LedgerReader) -> None:
    """A conflicting resend does not hide the trade that was captured."""
    capture(ledger, entry(submission("T-1"), 1), entry(submission("T-1", source="MANUAL"), 2))
    assert isinstance(reader.trade("T-1"), TradeRow)
    assert reader.outcomes(["T-1", "T-2"]) == {"T-1": Outcome.CAPTURED}


def test_positions_are_listed_by_key_and_account(ledger: Ledger, reader: LedgerReader) -> None:
    """All, or those of one account, or the first few."""
    capture(
        ledger,
        *waiting_trades(2, "B2"),
        *waiting_trades(1, "B1"),
        entry(submission("T-9", "B1", accountId="OTHER")),
    )
    mine = [partition_of("B1"), partition_of("B2")]
    assert [row.partition_key for row in reader.partitions(account_id="ACC1")] == mine
    assert [row.partition_key for row in reader.partitions(limit=1)] == mine[:1]
    assert len(reader.partitions()) == 3


def test_outcomes_are_counted_by_partition_and_epoch(ledger: Ledger, reader: LedgerReader) -> None:
    """With the last and the first position of each: what `reconcile` needs."""
    one = submission("T-1")
    capture(ledger, entry(one, 1), entry(one, 2), entry(submission("T-2"), 3), entry(one, 4))
    capture(ledger, entry(submission("T-3"), 7, EPOCH + 1), fence=2)
    assert sorted(reader.outcome_counts()) == [
        OutcomeCount(PARTITION, EPOCH, Outcome.CAPTURED, 2, 3, 1),
        OutcomeCount(PARTITION, EPOCH, Outcome.DUPLICATE, 2, 4, 2),
        OutcomeCount(PARTITION, EPOCH + 1, Outcome.CAPTURED, 1, 7, 7),
    ]


def test_a_ledger_in_order_has_no_inversions_and_no_gaps(
    ledger: Ledger, reader: LedgerReader
) -> None:
    """Through batches, partitions and epochs; positions may jump, sequences not."""
    capture(ledger, *waiting_trades(5, "B1"), *waiting_trades(2, "B2", first=7))
    capture(ledger, entry(submission("T-1", "B1"), 1, EPOCH + 1), fence=2)
    assert (reader.count_inversions(), reader.count_broken_sequences()) == (0, 0)


@pytest.mark.parametrize(
    ("changed", "values"),
    [
        ("BOOK1-2", {"position": 99}),  # the third stands after one that was accepted later
        ("BOOK1-3", {"position": 1}),
        ("BOOK1-2", {"epoch": EPOCH + 1}),
        ("BOOK1-3", {"position": 2}),  # a position given twice
    ],
)
def test_a_row_out_of_order_is_an_inversion(
    ledger: Ledger, reader: LedgerReader, changed: str, values: dict[str, int]
) -> None:
    """Worked out from the trades themselves, whatever the partition's row says."""
    capture(ledger, *waiting_trades(3))
    change(ledger, changed, **values)
    assert reader.count_inversions() == 1
    assert reader.count_broken_sequences() == 0


@pytest.mark.parametrize("sequence", [0, 9])
def test_a_sequence_that_is_not_1_2_3_is_a_gap(
    ledger: Ledger, reader: LedgerReader, sequence: int
) -> None:
    """One partition of two is wrong."""
    capture(ledger, *waiting_trades(3), *waiting_trades(3, "B2"))
    change(ledger, "BOOK1-1", ledger_sequence=sequence)
    assert reader.count_broken_sequences() == 1


def test_trades_captured_after_a_later_one_are_counted_as_they_come(ledger: Ledger) -> None:
    """The partition's own counter, a metric: what no claim should ever bring."""
    capture(ledger, *waiting_trades(2, first=5))
    capture(ledger, *waiting_trades(3, first=1), fence=2)
    reader = LedgerReader(ledger.engine, ledger.dialect)
    (row,) = reader.partitions()
    assert (row.inversions, row.last_position, row.last_sequence) == (3, 6, 5)
    assert reader.count_inversions() == 1


def test_every_captured_trade_is_read_with_its_time(ledger: Ledger, reader: LedgerReader) -> None:
    """Each id once, and when it was captured."""
    capture(ledger, *waiting_trades(3))
    assert sorted(reader.capture_times()) == [(f"BOOK1-{number}", NOW) for number in (1, 2, 3)]
    assert reader.exception_outcomes() == []


def test_reading_does_not_lock(ledger: Ledger, reader: LedgerReader) -> None:
    """While a capture's transaction is open, readers are answered with what was there before."""
    capture(ledger, *waiting_trades(2))
    with ledger.engine.begin() as writing:
        writing.execute(update(trades).values(task_id="later"))
        assert reader.outcomes(["BOOK1-1"]) == {"BOOK1-1": Outcome.CAPTURED}
        reader.ping()


def test_the_server_can_be_asked_for_its_settings(reader: LedgerReader) -> None:
    """What `doctor` looks at."""
    findings = reader.server_findings()
    assert findings
    assert all(findings.values())
