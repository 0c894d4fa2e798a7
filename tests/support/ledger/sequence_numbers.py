"""Trades with upstream numbers, and what became of each in the ledger."""

from collections.abc import Sequence

from tests.support.builders import EPOCH, PARTITION, entries, numbered
from tests.support.ledger.ledger_snapshot import capture, exception_rows, partition_row, trade_rows
from tradecapture.inbox import Entry
from tradecapture.ledger import Ledger
from tradecapture.trades.lifecycle import Outcome

WINDOW = 100  # of the default settings


def arriving(*numbers: int, first: int = 1, epoch: int = EPOCH) -> list[Entry]:
    """Return trades with these numbers, in the order in which they were accepted."""
    return entries([numbered(number) for number in numbers], first, epoch)


def arrive(ledger: Ledger, *numbers: int, first: int = 1, fence: int = 1) -> dict[Outcome, int]:
    """Capture trades with these numbers in one transaction; return the count of each outcome."""
    (result,) = capture(ledger, *arriving(*numbers, first=first), fence=fence)
    assert result.trades == len(numbers)
    return dict(result.outcomes)


def captured_numbers(ledger: Ledger) -> list[int | None]:
    """Return upstream's numbers of the captured trades, in the ledger's order."""
    rows = trade_rows(ledger)
    assert [row.ledger_sequence for row in rows] == list(range(1, len(rows) + 1))
    return [row.sequence_number for row in rows]


def captured_ids(ledger: Ledger) -> list[str]:
    """Return the ids of the captured trades, in the ledger's order."""
    return [row.trade_id for row in trade_rows(ledger)]


def ended(ledger: Ledger, outcome: Outcome) -> list[str]:
    """Return the ids of the recorded trades that have an outcome, by position."""
    rows = [row for row in exception_rows(ledger) if row.outcome == outcome]
    return [row.trade_id for row in rows]


def buffered(ledger: Ledger, partition: str = PARTITION) -> Sequence[str]:
    """Return the ids of a partition's buffered trades; check that its row counts them."""
    rows = [row for row in exception_rows(ledger) if row.partition_key == partition]
    ids = [row.trade_id for row in rows if row.outcome == Outcome.BUFFERED]
    assert partition_row(ledger, partition).buffered == len(ids)
    return ids
