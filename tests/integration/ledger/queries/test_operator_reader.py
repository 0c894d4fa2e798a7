"""The operators' reading side: recorded trades page by page, and which record counts."""

import pytest

from tests.support.builders import EPOCH, NOW, entries, entry, partition_of, submission
from tests.support.ledger.ledger_snapshot import capture
from tradecapture.ledger import Ledger
from tradecapture.ledger.queries.operator_reader import ExceptionFilter, OperatorReader
from tradecapture.trades.lifecycle import Outcome

ONE, TWO = partition_of("B1"), partition_of("B2")


@pytest.fixture
def operating(ledger: Ledger) -> OperatorReader:
    """What operators read with."""
    return OperatorReader(ledger.engine, ledger.dialect)


def reject(ledger: Ledger, book: str, number: int, epoch: int = EPOCH) -> None:
    """Record some trades as rejected, for numbers that are too far ahead."""
    trades = [submission(f"{book}-{n}", book, sequenceNumber=5000) for n in range(number)]
    capture(ledger, *entries(trades, epoch=epoch), fence=epoch)


def test_pages_together_are_the_whole(ledger: Ledger, operating: OperatorReader) -> None:
    """Whatever the size of a page: each recorded trade once, by partition, epoch and position."""
    reject(ledger, "B1", 3)
    reject(ledger, "B2", 2)
    reject(ledger, "B1", 2, EPOCH + 1)
    whole = operating.exceptions_like(ExceptionFilter(), 100)
    places = [(row.partition_key, row.epoch - EPOCH, row.position) for row in whole]
    assert places == [
        *((ONE, 0, position) for position in (1, 2, 3)),
        *((ONE, 1, position) for position in (1, 2)),
        *((TWO, 0, position) for position in (1, 2)),
    ]
    for size in (1, 2, 3):
        read, after = [], None
        while rows := operating.exceptions_like(ExceptionFilter(after=after), size):
            assert len(rows) <= size
            read += rows
            last = rows[-1]
            after = (last.partition_key, last.epoch, last.position, last.trade_id)
        assert read == whole


def test_a_filter_finds_what_fits_it(ledger: Ledger, operating: OperatorReader) -> None:
    """Ids, outcome, partition, account, time, a part of the reason; a wildcard is only a letter."""
    reject(ledger, "B1", 2)
    reject(ledger, "B2", 1)

    def found(**wanted: object) -> list[str]:
        rows = operating.exceptions_like(ExceptionFilter(**wanted), 100)  # type: ignore[arg-type]
        return [row.trade_id for row in rows]

    assert found() == ["B1-0", "B1-1", "B2-0"]
    assert found(trade_ids=["B1-1", "B2-0", "T-9"]) == ["B1-1", "B2-0"]
    assert found(outcomes=[Outcome.PARKED]) == []
    assert found(partition=TWO) == found(partition=TWO, account_id="ACC1") == ["B2-0"]
    assert found(account_id="ACC2") == []
    assert found(reason="more than 100 ahead") == ["B1-0", "B1-1", "B2-0"]
    assert found(reason="more%ahead") == found(reason="more_than") == found(reason="[m]ore") == []
    assert found(since=NOW) == ["B1-0", "B1-1", "B2-0"]
    assert found(until=NOW) == []


def test_the_later_record_of_a_trade_is_the_newest(
    ledger: Ledger, operating: OperatorReader
) -> None:
    """By epoch and position, for each content that its id was given."""
    first, other = (
        submission("T-1", "B1", sequenceNumber=5000, source=source)
        for source in ("AUTOMATED", "MANUAL")
    )
    capture(ledger, entry(first, 1), entry(other, 2), entry(first, 3), fence=1)
    capture(ledger, entry(first, 1, EPOCH + 1), fence=2)
    assert operating.newest_places(["T-1", "T-9"]) == {
        ("T-1", first.digest): (ONE, EPOCH + 1, 1, "T-1"),
        ("T-1", other.digest): (ONE, EPOCH, 2, "T-1"),
    }


def test_a_parked_trade_is_found_at_its_place(ledger: Ledger, operating: OperatorReader) -> None:
    """A rejected one there is none."""
    reject(ledger, "B1", 2)
    assert operating.parked_at(ONE, EPOCH, 1) is None
