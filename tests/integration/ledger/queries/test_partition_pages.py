"""The partitions of the ledger, page by page."""

import pytest

from tests.support.builders import NOW, broken, claim, entry, partition_of, submission
from tests.support.ledger.ledger_snapshot import TASK, capture, partition_row
from tradecapture.ledger.queries.operator_reader import PartitionPages
from tradecapture.operations.action import Action, ActionRequest
from tradecapture.operations.transactions import OperatorLedger

# In the order of their keys by code points, whatever the database's language would say.
BOOKS = ["B10", "B1", "B2", "Z", "a", "b", "é", "日"]
KEYS = [partition_of(book) for book in BOOKS]


@pytest.fixture
def pages(ledger: OperatorLedger) -> PartitionPages:
    """A ledger with some partitions."""
    capture(ledger, *(entry(submission(f"T-{book}", book)) for book in reversed(BOOKS)))
    return PartitionPages(ledger.engine, ledger.dialect)


def test_keys_follow_each_other_by_code_points(pages: PartitionPages) -> None:
    """From the first one on, or behind any text; at most as many as are asked for."""
    assert pages.keys_after("", 100) == KEYS
    assert pages.keys_after("", 3) == KEYS[:3]
    for place, key in enumerate(KEYS):
        assert pages.keys_after(key, 2) == KEYS[place + 1 : place + 3]
    assert pages.keys_after("ACC1_B1_", 1) == [KEYS[1]]


def test_rows_are_found_by_their_keys(pages: PartitionPages, ledger: OperatorLedger) -> None:
    """Those that are there, each as the ledger has it."""
    asked = [KEYS[2], partition_of("unknown"), KEYS[5]]
    assert pages.some(asked) == {key: partition_row(ledger, key) for key in asked[::2]}
    assert pages.some([]) == {}


def test_held_partitions_are_found(pages: PartitionPages, ledger: OperatorLedger) -> None:
    """Paused by an operator or halted by a parked trade, which is found too."""
    assert pages.keys_after("", 100, only_held=True) == []
    ledger.perform(ActionRequest(Action.PAUSE, KEYS[4], "ann", "why"), lambda: NOW)
    poison = entry(broken("poison", BOOKS[1]), position=2)
    ledger.park(claim(poison, fence=2), poison, "a reason", TASK, lambda: NOW)
    assert pages.keys_after("", 100, only_held=True) == [KEYS[1], KEYS[4]]
    assert pages.keys_after(KEYS[1], 100, only_held=True) == [KEYS[4]]
    halting = pages.halting(partition_row(ledger, KEYS[1]))
    assert halting is not None
    assert (halting.trade_id, halting.position, halting.reason) == ("poison", 2, "a reason")
    assert pages.halting(partition_row(ledger, KEYS[4])) is None


def test_the_gap_of_one_partition_is_found(pages: PartitionPages, ledger: OperatorLedger) -> None:
    """Beside those of the others."""
    ahead = [entry(submission(f"N-{book}", book, sequenceNumber=3), 2) for book in ("B1", "B2")]
    capture(ledger, *ahead, fence=2)
    assert [gap.partition for gap in pages.sequence_gaps(partition=KEYS[2])] == [KEYS[2]]
    assert {gap.partition for gap in pages.sequence_gaps()} == set(KEYS[1:3])
    assert pages.sequence_gaps(partition=KEYS[3]) == []
