"""Capturing: each trade becomes one row with everything about it, digit for digit, in order."""

from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.support.builders import (
    EPOCH,
    ISIN,
    NOW,
    NOW_MS,
    PARTITION,
    TODAY,
    entry,
    lot,
    partition_of,
    submission,
    trade_json,
)
from tests.support.builders.strategies import exact_values, texts
from tests.support.ledger.ledger_snapshot import (
    TASK,
    all_rows,
    capture,
    captured,
    partition_row,
    trade_rows,
    waiting_trades,
)
from tradecapture.ledger import Ledger, TradeRow
from tradecapture.ledger.schema.tables import outbox
from tradecapture.trades.clock import from_ms
from tradecapture.trades.document import decode
from tradecapture.trades.submission import Submission, read_submission

numbers = count(1)


def test_a_captured_trade_is_a_row_with_everything_about_it(ledger: Ledger) -> None:
    """Position, sequence, digest, outcome, times, task, correlation and the trade as received."""
    sent = structs.replace(submission(metadata={"b": 1, "a": [None]}), correlation_id="c-1")
    assert capture(ledger, entry(sent, 7)) == [captured(PARTITION, 1)]
    assert trade_rows(ledger) == [
        TradeRow(
            trade_id="T-1",
            partition_key=PARTITION,
            ledger_sequence=1,
            epoch=EPOCH,
            position=7,
            digest=sent.digest,
            outcome="CAPTURED",
            trade_date=TODAY,
            accepted_at=from_ms(NOW_MS),
            captured_at=NOW,
            task_id=TASK,
            correlation_id="c-1",
            document=sent.document.decode(),
            sequence_number=None,
            buffered_at=None,
        )
    ]


@pytest.mark.parametrize(
    "text",
    ["ä ✓ 日本 🦊", "quote ' double \" back \\ percent %s", "{}$[0]\t\n", "\u0000", "'; DROP--"],
)
def test_the_document_is_stored_byte_for_byte(ledger: Ledger, text: str) -> None:
    """White space, key order, escapes, quotes and every alphabet come out as they went in."""
    body = b'{ "zz" : 1.50 ,\n' + trade_json(note=text)[1:]
    sent = read_submission(body, TODAY)
    assert isinstance(sent, Submission)
    capture(ledger, entry(sent))
    (row,) = trade_rows(ledger)
    assert row.document.encode() == body


def test_sequences_have_no_gaps_through_batches_and_partitions(ledger: Ledger) -> None:
    """Each partition counts 1, 2, 3 … in the order of positions."""
    capture(ledger, *waiting_trades(3, "B1"), *waiting_trades(2, "B2"))
    capture(ledger, *waiting_trades(2, "B1", first=4), *waiting_trades(4, "B2", first=3), fence=2)
    for book, number in (("B1", 5), ("B2", 6)):
        rows = [row for row in trade_rows(ledger) if row.partition_key == partition_of(book)]
        assert [(row.ledger_sequence, row.position) for row in rows] == [
            (index, index) for index in range(1, number + 1)
        ]
        assert partition_row(ledger, partition_of(book)).last_sequence == number


def test_the_verdicts_stand_in_the_order_of_the_claim(ledger: Ledger) -> None:
    """Whatever the order in which rows are locked."""
    books = ("B3", "B1", "B2")
    batch = [e for n, book in enumerate(books, 1) for e in waiting_trades(n, book)]
    assert capture(ledger, *batch) == [captured(partition_of(b), n) for n, b in enumerate(books, 1)]


def test_the_partition_is_what_a_desk_reads_as_a_position(ledger: Ledger) -> None:
    """Net quantity, sums by unit, notionals, last trade date; and the ids that make its key."""
    other = lot(value="-250.5", price=2, lotIdentifier=[])
    money = {"priceQuantity": [{"quantity": [{"value": 9, "unit": "EUR"}]}]}
    capture(
        ledger,
        entry(submission("T-1", tradeLots=[lot(), other]), 1),
        entry(submission("T-2", tradeLots=[lot(value=1), money], tradeDate="2025-01-02"), 2),
    )
    row = partition_row(ledger)
    assert row.net_quantity == Decimal("750.5")
    assert row.holding.quantities == {"Shares": Decimal("750.5"), "EUR": Decimal(9)}
    assert row.holding.notionals == {"USD": Decimal("189188.5")}
    assert (row.last_trade_date, row.last_sequence, row.last_position) == (TODAY, 2, 2)
    assert (row.account_id, row.book_id, row.security_id) == ("ACC1", "BOOK1", ISIN)
    assert (row.fence, row.epoch, row.inversions, row.halted_reason) == (1, EPOCH, 0, None)
    assert row.updated_at == NOW


def test_ids_with_separators_are_read_back(ledger: Ledger) -> None:
    """The partition's row has the ids themselves, not their escaped form."""
    capture(ledger, entry(submission(accountId="A_B~C", book="B_1")))
    row = partition_row(ledger, "A~1B~0C_B~11_" + ISIN)
    assert (row.account_id, row.book_id) == ("A_B~C", "B_1")


def test_ids_that_differ_in_case_or_accent_are_different(ledger: Ledger) -> None:
    """Databases that ignore case would make one partition, or one trade, of two."""
    books = ("desk", "DESK", "désk", "\uff44esk")
    batch = [entry(submission(f"T-{book}", book)) for book in books]
    assert capture(ledger, *batch) == [captured(partition_of(book), 1) for book in books]
    assert len(trade_rows(ledger)) == len(books)


def test_a_callback_is_an_event_in_the_outbox(ledger: Ledger) -> None:
    """One for each trade that asked to be told; none for the others."""
    asked = structs.replace(
        submission("T-1"), callback_url="https://desk.example/done?a=ä", correlation_id="c"
    )
    capture(ledger, entry(asked, 1), entry(submission("T-2"), 2))
    ((_number, *event),) = all_rows(ledger.engine, outbox)
    assert event == ["T-1", PARTITION, "CAPTURED", asked.callback_url, "c", NOW]


def test_ids_of_the_greatest_length_fit(ledger: Ledger) -> None:
    """A hundred characters of a trade id, and three ids whose every character is escaped."""
    fields: dict[str, Any] = {"accountId": "_" * 50, "book": "~" * 50, "securityId": "_" * 50}
    sent = structs.replace(
        submission("é" * 100, **fields), correlation_id="c" * 128, callback_url="u" * 2000
    )
    assert capture(ledger, entry(sent)) == [captured(sent.partition_key, 1)]


def test_an_empty_claim_writes_nothing(ledger: Ledger) -> None:
    """A claim whose partitions were all unreadable has no verdicts."""
    assert capture(ledger) == []


@given(exact_values, exact_values, texts)
def test_what_goes_in_comes_out_digit_for_digit(
    ledger: Ledger, quantity: Decimal, price: Decimal, text: str
) -> None:
    """Quantities, prices and any text, by the document and by the partition's sums."""
    book = f"H{next(numbers)}"
    sent = submission(f"T-{book}", book, tradeLots=[lot(quantity, str(price))], note=text)
    capture(ledger, entry(sent))
    (row,) = [row for row in trade_rows(ledger) if row.trade_id == sent.trade_id]
    assert row.document.encode() == sent.document
    stored = decode(row.document.encode())
    (pair,) = stored["tradeLots"][0]["priceQuantity"]
    assert str(pair["quantity"][0]["value"]) == str(quantity)
    assert pair["price"][0]["value"] == str(price)
    assert stored["note"] == text
    partition = partition_row(ledger, sent.partition_key)
    assert partition.net_quantity == quantity
    assert partition.holding.quantities == {"Shares": quantity}


@given(st.dates(date(1900, 1, 1), TODAY))
def test_any_trade_date_is_stored_as_that_day(ledger: Ledger, day: date) -> None:
    """No time zone moves it."""
    book = f"D{next(numbers)}"
    capture(ledger, entry(submission(f"T-{book}", book, tradeDate=day.isoformat())))
    assert partition_row(ledger, partition_of(book)).last_trade_date == day
