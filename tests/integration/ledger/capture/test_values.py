"""Values at their limits: what a capture writes in bulk comes out the same on every database."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import Table

from tests.support.builders import NOW, entry, submission, trade_json
from tests.support.ledger.ledger_snapshot import (
    all_rows,
    capture,
    captured,
    partition_row,
    trade_rows,
)
from tradecapture.inbox import Entry
from tradecapture.ledger import Ledger
from tradecapture.ledger.rows import AuditRow, new_partition
from tradecapture.ledger.schema.tables import audit, partitions
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission, read_submission

FOX = "\U0001f98a"  # two UTF-16 units
LONG = 300_000  # characters of a document: many packets of the network

DECIMALS = [
    "0.00000001",
    "-0.00000001",
    "99999999999999999999.99999999",
    "-99999999999999999999.99999999",
    "999999999999999999999999999999.99999999",  # a sum may have all 38 digits
    "1E+29",
]
MOMENTS = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 15, 9, 30, 0, 1, UTC),
    datetime(2026, 1, 15, 23, 59, 59, 999999, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
]
TEXTS = [
    "",
    " outer spaces ",
    "quote ' double \" back \\ percent %s %% @rows",
    "line\nline\r\nline\ttab \\\n continued \\\r\n",
    "NULL",
    "ä ß ﬀ ñ 日本 עברית",
    f"{FOX} and 𝄞",
    "e\u0301 is not \u00e9",
    "\u2028 \ufeff \ufffd \uffff",
    "\x01 \x1f \x7f",
]


def row(number: int, **changes: Any) -> Any:
    """Return a partition's row with some columns changed."""
    return new_partition(PartitionKey(f"A_B_{number}"), NOW)._replace(**changes)


def written(ledger: Ledger, table: Table, rows: list[Any]) -> list[Any]:
    """Write rows in one statement, and read them back."""
    with ledger.engine.begin() as connection:
        ledger.dialect.insert_rows(connection, table, rows)
    return all_rows(ledger.engine, table)


@pytest.mark.parametrize("update", [False, True], ids=["insert", "update"])
@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("net_quantity", [Decimal(text) for text in DECIMALS]),
        ("updated_at", MOMENTS),
        ("last_trade_date", [date(1, 1, 1), date(9999, 12, 31), None]),
        ("halted_reason", [*TEXTS, None]),
        ("fence", [0, 2**63 - 1, -(2**63)]),
    ],
)
def test_a_row_is_written_in_bulk_and_read_as_it_was(
    ledger: Ledger, column: str, values: list[Any], *, update: bool
) -> None:
    """Decimals of 38 digits, microseconds, days, any text, the largest integers, nothing."""
    rows = [row(number, **{column: value}) for number, value in enumerate(values)]
    if update:
        found = written(ledger, partitions, [row(number) for number in range(len(rows))])
        with ledger.engine.begin() as connection:
            ledger.dialect.update_partitions(connection, rows)
    found = written(ledger, partitions, rows) if not update else all_rows(ledger.engine, partitions)
    read = {found_row.partition_key: getattr(found_row, column) for found_row in found}
    assert [read[wanted.partition_key] for wanted in rows] == values


@pytest.mark.parametrize(
    "note",
    [FOX * LONG, "x" * LONG, "\\" * LONG, "\0" * 1000, "'" * LONG],
    ids=["foxes", "letters", "backslashes", "NUL", "quotes"],
)
def test_a_long_document_is_kept_byte_for_byte(ledger: Ledger, note: str) -> None:
    """Longer than a packet, a page or a short NVARCHAR."""
    sent = read_submission(trade_json(note=note), NOW.date())
    assert isinstance(sent, Submission)
    capture(ledger, entry(sent))
    (stored,) = trade_rows(ledger)
    assert stored.document.encode() == sent.document


def longest() -> Submission:
    """Return a submission whose every text is as long as validation lets it be, in foxes."""
    ids = dict.fromkeys(("accountId", "bookId", "securityId"), FOX * 25)
    return structs.replace(
        submission(FOX * 50, **ids), correlation_id=FOX * 64, callback_url=FOX * 1000
    )


def recorded(ledger: Ledger, waiting: Entry) -> None:
    """Capture a trade, and record a second one with its id as a duplicate."""
    capture(ledger, waiting, waiting._replace(position=2))


@pytest.mark.parametrize("write", [capture, recorded], ids=["captured", "recorded"])
def test_ids_of_emoji_fit_into_every_column(
    ledger: Ledger, write: Callable[[Ledger, Entry], object]
) -> None:
    """SQL Server counts UTF-16 units; so does validation, so that what it takes can be written."""
    sent = longest()
    write(ledger, entry(sent))
    assert [stored.trade_id for stored in trade_rows(ledger)] == [FOX * 50]
    assert partition_row(ledger, sent.partition_key).account_id == FOX * 25


def test_ids_that_begin_alike_are_found_apart(ledger: Ledger) -> None:
    """None is cut off to the length of the column when it is looked up."""
    batch = [entry(submission(text), n) for n, text in enumerate((FOX * 50, FOX * 49), 1)]
    assert capture(ledger, *batch) == [captured(batch[0].submission.partition_key, 2)]


def test_an_operators_name_is_kept_in_every_alphabet(ledger: Ledger) -> None:
    """In the audit, as long as it may be, with whatever he wrote."""
    name = FOX * 50
    deed = AuditRow(
        NOW, name, "pause", PartitionKey("A_B_C"), None, None, None, f"{name} \\\n", "done"
    )
    ((_number, *stored),) = written(ledger, audit, [deed])
    assert AuditRow._make(stored) == deed
