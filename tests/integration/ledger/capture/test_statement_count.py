"""The cost of a batch: a handful of statements, however many trades and partitions."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from tests.support.builders import entry, submission
from tests.support.ledger.ledger_snapshot import capture, waiting_trades
from tradecapture.inbox import Entry
from tradecapture.ledger import Ledger

SIZES = (1, 100, 1000)
# Lock, insert, lock again, captured, recorded, three inserts, update; SQLite says BEGIN as well.
MAX_STATEMENTS = 10


@pytest.fixture
def statements(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that the ledger sends, in order; a COPY is one."""
    sent: list[str] = []

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    if ledger.dialect.name == "postgresql":
        copy = ledger.dialect.insert_rows

        def _copy(connection: Any, table: Any, rows: Any) -> None:
            sent.append(f"COPY {table.name}")
            copy(connection, table, rows)

        monkeypatch.setattr(ledger.dialect, "insert_rows", _copy)
    return sent


def one_partition(number: int) -> list[Entry]:
    """Return trades of one partition."""
    return waiting_trades(number, f"one-{number}")


def many_partitions(number: int) -> list[Entry]:
    """Return trades of a partition each."""
    return [entry(submission(f"many-{number}-{n}", f"many-{number}-{n}")) for n in range(number)]


def duplicates(number: int) -> list[Entry]:
    """Return trades of one partition that all have one id."""
    again = submission(f"again-{number}", f"again-{number}")
    return [entry(again, position) for position in range(1, number + 1)]


@pytest.mark.parametrize("batch_of", [one_partition, many_partitions])
def test_a_batch_takes_the_same_statements_whatever_its_size(
    ledger: Ledger,
    statements: list[str],
    batch_of: Callable[[int], list[Entry]],
    figure: Callable[[str], None],
) -> None:
    """1, 100 and 1,000 trades: the same statements, in new partitions and in known ones."""
    new: list[int] = []
    known: list[int] = []
    for size in SIZES:
        batch = batch_of(size)
        for counts, fence in ((new, 1), (known, 2)):
            capture(ledger, *batch, fence=fence)
            counts.append(len(statements))
            statements.clear()
    figure(
        f"statements a batch of {SIZES} trades, {ledger.dialect.name}, "
        f"{batch_of.__name__}: {new} new, {known} captured before"
    )
    assert len(set(new)) == len(set(known)) == 1
    assert max(new + known) <= MAX_STATEMENTS


def test_duplicates_take_the_same_statements_whatever_their_number(
    ledger: Ledger, statements: list[str]
) -> None:
    """The worst batch, in which every table is written to."""
    counts = []
    for size in SIZES[1:]:
        capture(ledger, *duplicates(size))
        counts.append(len(statements))
        statements.clear()
    assert len(set(counts)) == 1
    assert counts[0] <= MAX_STATEMENTS


def test_a_statement_is_the_same_text_whatever_the_batch(
    ledger: Ledger, statements: list[str]
) -> None:
    """No list of parameters grows with the batch, so plans and caches are used again."""
    texts = []
    for size in SIZES:
        capture(ledger, *many_partitions(size))
        texts.append(list(statements))
        statements.clear()
    assert texts[0] == texts[1] == texts[2]
