"""OperatorReader: recorded trades and partitions page by page, and which record counts."""

import pytest

from tests.support.builders import (
    EPOCH,
    NOW,
    broken,
    claim,
    entries,
    entry,
    partition_of,
    submission,
)
from tests.support.ledger.ledger_snapshot import TASK, capture, partition_row
from tradecapture.ledger import Ledger
from tradecapture.ledger.queries.operator_reader import (
    ExceptionFilter,
    OperatorReader,
    find_parked_trade,
)
from tradecapture.operations.action import Action, ActionRequest
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.trades.lifecycle import Outcome

ONE, TWO = partition_of("B1"), partition_of("B2")
# In the order of their keys by code points, whatever the database's language would say.
BOOKS = ["B10", "B1", "B2", "Z", "a", "b", "é", "日"]
KEYS = [partition_of(book) for book in BOOKS]


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
    whole = operating.find_exceptions(ExceptionFilter(), 100)
    places = [(row.partition_key, row.epoch - EPOCH, row.position) for row in whole]
    assert places == [
        *((ONE, 0, position) for position in (1, 2, 3)),
        *((ONE, 1, position) for position in (1, 2)),
        *((TWO, 0, position) for position in (1, 2)),
    ]
    for size in (1, 2, 3):
        read, after = [], None
        while rows := operating.find_exceptions(ExceptionFilter(after=after), size):
            assert len(rows) <= size
            read += rows
            after = rows[-1].entry_id
        assert read == whole


def test_a_filter_finds_what_fits_it(ledger: Ledger, operating: OperatorReader) -> None:
    """Ids, outcome, partition, account, time, a part of the reason; a wildcard is only a letter."""
    reject(ledger, "B1", 2)
    reject(ledger, "B2", 1)

    def found(**wanted: object) -> list[str]:
        rows = operating.find_exceptions(ExceptionFilter(**wanted), 100)  # type: ignore[arg-type]
        return [row.trade_id for row in rows]

    assert found() == ["B1-0", "B1-1", "B2-0"]
    assert found(trade_ids=["B1-1", "B2-0", "T-9"]) == ["B1-1", "B2-0"]
    assert found(outcomes=[Outcome.PARKED]) == []
    assert found(partition_key=TWO) == found(partition_key=TWO, account_id="ACC1") == ["B2-0"]
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
    assert operating.newest_entry_ids(["T-1", "T-9"]) == {
        ("T-1", first.digest): (ONE, EPOCH + 1, 1, "T-1"),
        ("T-1", other.digest): (ONE, EPOCH, 2, "T-1"),
    }


def test_a_parked_trade_is_found_at_its_place(ledger: Ledger, operating: OperatorReader) -> None:
    """A rejected one there is none."""
    reject(ledger, "B1", 2)
    with operating.engine.connect() as connection:
        assert find_parked_trade(connection, ONE, EPOCH, 1) is None


@pytest.fixture
def pages(ledger: OperatorLedger) -> OperatorReader:
    """A ledger with some partitions."""
    capture(ledger, *(entry(submission(f"T-{book}", book)) for book in reversed(BOOKS)))
    return OperatorReader(ledger.engine, ledger.dialect)


def test_keys_follow_each_other_by_code_points(pages: OperatorReader) -> None:
    """From the first one on, or behind any text; at most as many as are asked for."""
    assert pages.keys_after("", 100) == KEYS
    assert pages.keys_after("", 3) == KEYS[:3]
    for place, key in enumerate(KEYS):
        assert pages.keys_after(key, 2) == KEYS[place + 1 : place + 3]
    assert pages.keys_after("ACC1_B1_", 1) == [KEYS[1]]


def test_rows_are_found_by_their_keys(pages: OperatorReader, ledger: OperatorLedger) -> None:
    """Those that are there, each as the ledger has it."""
    asked = [KEYS[2], partition_of("unknown"), KEYS[5]]
    assert pages.partitions_by_key(asked) == {key: partition_row(ledger, key) for key in asked[::2]}
    assert pages.partitions_by_key([]) == {}


def test_held_partitions_are_found(pages: OperatorReader, ledger: OperatorLedger) -> None:
    """Paused by an operator or halted by a parked trade, which is found too."""
    assert pages.keys_after("", 100, only_held=True) == []
    ledger.perform(ActionRequest(Action.PAUSE, KEYS[4], "ann", "why"), lambda: NOW)
    poison = entry(broken("poison", BOOKS[1]), position=2)
    ledger.park(claim(poison, fence=2), poison, "a reason", TASK, lambda: NOW)
    assert pages.keys_after("", 100, only_held=True) == [KEYS[1], KEYS[4]]
    assert pages.keys_after(KEYS[1], 100, only_held=True) == [KEYS[4]]
    halting = pages.halting_trade(partition_row(ledger, KEYS[1]))
    assert halting is not None
    assert (halting.trade_id, halting.position, halting.reason) == ("poison", 2, "a reason")
    assert pages.halting_trade(partition_row(ledger, KEYS[4])) is None


def test_the_gap_of_one_partition_is_found(pages: OperatorReader, ledger: OperatorLedger) -> None:
    """Beside those of the others."""
    ahead = [entry(submission(f"N-{book}", book, sequenceNumber=3), 2) for book in ("B1", "B2")]
    capture(ledger, *ahead, fence=2)
    assert [gap.partition_key for gap in pages.sequence_gaps(partition_key=KEYS[2])] == [KEYS[2]]
    assert {gap.partition_key for gap in pages.sequence_gaps()} == set(KEYS[1:3])
    assert pages.sequence_gaps(partition_key=KEYS[3]) == []
