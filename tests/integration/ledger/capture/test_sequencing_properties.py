"""Upstream's numbers: whatever the order of their arrival, the ledger is the same."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.builders import NOW, entries, entry, numbered, partition_of, submission
from tests.support.builders import claim as claim_of
from tests.support.ledger.arrivals import MAX_TRADES, Arrival, arrivals, in_order
from tests.support.ledger.ledger_snapshot import TASK, partition_row, trade_rows
from tests.support.ledger.memory_ledger import MemoryLedger
from tests.support.ledger.sequence_numbers import buffered
from tradecapture.ledger import Ledger, LedgerReader, PartitionRow, TradeRow
from tradecapture.settings import Settings
from tradecapture.trades.holding import Holding
from tradecapture.trades.lifecycle import Outcome

BOOKS = (f"P{number}" for number in count(1))  # examples share a database: each has its own books


class End(NamedTuple):
    """What a partition's ledger holds in the end; the same for every order of arrival."""

    sequence: list[int]
    numbers: list[int | None]
    ids: list[str]
    holding: Holding
    upstream: int
    buffered: int
    inversions: int


def end_of(row: PartitionRow, trades: list[TradeRow], book: str) -> End:
    """Return what does not depend on the book's name."""
    return End(
        [trade.ledger_sequence for trade in trades],
        [trade.sequence_number for trade in trades],
        [trade.trade_id.removeprefix(book) for trade in trades],
        row.holding,
        row.upstream,
        row.buffered,
        row.inversions,
    )


def in_memory(arrival: Arrival) -> End:
    """Return what the judgement alone makes of an arrival."""
    ledger = MemoryLedger(arrival.window)
    for claim in arrival.claims("B1"):
        ledger.capture(claim)
    assert ledger.exceptions == {}
    return end_of(ledger.partitions[partition_of("B1")], ledger.captured(), "B1")


@hypothesis_settings(max_examples=500)
@given(arrivals())
def test_any_order_of_arrival_is_judged_as_the_right_order(arrival: Arrival) -> None:
    """In any batches, with any of them delivered again: 1, 2, 3 … are captured, each once."""
    found = in_memory(arrival)
    assert found == in_memory(in_order(arrival))
    assert found.numbers == list(range(1, len(arrival.order) + 1))
    assert (found.upstream, found.buffered, found.inversions) == (len(arrival.order), 0, 0)


@hypothesis_settings(max_examples=300)
@given(
    st.lists(st.none() | st.integers(1, MAX_TRADES), min_size=1, max_size=MAX_TRADES),
    st.integers(1, MAX_TRADES),
    st.data(),
)
def test_every_arrival_ends_in_one_row(
    numbers: list[int | None], window: int, data: st.DataObject
) -> None:
    """With passed, taken, distant and no numbers: captured numbers rise, and nothing is lost.

    Trades without a number stand in the order of their arrival.
    """
    waiting = entries(
        submission(f"T-{index}") if number is None else numbered(number, f"T-{index}")
        for index, number in enumerate(numbers)
    )
    ledger, read = MemoryLedger(window), 0
    while read < len(waiting):
        end = data.draw(st.integers(read + 1, len(waiting)))
        start = data.draw(st.integers(0, read))
        ledger.capture(claim_of(*waiting[start:end]))
        read = end
    captured = ledger.captured()
    recorded = list(ledger.exceptions.values())
    ended = [row.position for row in captured] + [row.position for row in recorded]
    assert sorted(ended) == list(range(1, read + 1))
    assert {row.outcome for row in recorded} <= {Outcome.BUFFERED, Outcome.REJECTED}
    of_numbers = [row.sequence_number for row in captured if row.sequence_number is not None]
    assert of_numbers == list(range(1, len(of_numbers) + 1))
    at_once = [row.position for row in captured if row.buffered_at is None]
    assert at_once == sorted(at_once)
    (row,) = ledger.partitions.values()
    assert (row.upstream, row.inversions) == (len(of_numbers), 0)
    assert row.buffered == sum(row.outcome == Outcome.BUFFERED for row in recorded)


@pytest.fixture
def ledger_with(ledger_settings: Settings) -> Iterator[Callable[[int], Ledger]]:
    """Make ledgers on each database in turn, with a window of one's choice."""
    made: dict[int, Ledger] = {}

    def make(window: int) -> Ledger:
        if window not in made:
            made[window] = Ledger(replace(ledger_settings, sequence_window=window, pool_size=1))
        return made[window]

    yield make
    for ledger in made.values():
        ledger.dispose()


@hypothesis_settings(max_examples=20)
@given(arrivals())
def test_any_order_of_arrival_gives_the_ledger_of_the_right_order(
    ledger_with: Callable[[int], Ledger], arrival: Arrival
) -> None:
    """On each database: the same trades in the same order, the same holding, nothing buffered."""
    ledger = ledger_with(arrival.window)
    found = []
    for arrived in (arrival, in_order(arrival)):
        book = next(BOOKS)
        for claim in arrived.claims(book):
            ledger.capture(claim, TASK, lambda: NOW)
        partition = partition_of(book)
        assert buffered(ledger, partition) == []
        trades = [row for row in trade_rows(ledger) if row.partition_key == partition]
        found.append(end_of(partition_row(ledger, partition), trades, book))
    assert found[0] == found[1]
    reader = LedgerReader(ledger.engine, ledger.dialect)
    assert (reader.count_inversions(), reader.count_broken_sequences()) == (0, 0)


def test_a_number_beyond_the_window_is_what_the_property_leaves_out() -> None:
    """It would be rejected, and its followers buffered for ever: the order would matter."""
    ledger = MemoryLedger(window=2)
    ledger.capture(claim_of(entry(numbered(4, "B1-4", "B1"), 1)))
    assert {row.outcome for row in ledger.exceptions.values()} == {Outcome.REJECTED}
