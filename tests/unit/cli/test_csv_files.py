"""CSV: each row is a trade, numbers stay exact text, and a bad row does not stop the others."""

from datetime import date

import msgspec
import pytest

from tradecapture.cli.commands.submit.csv_files import CsvHeaderError, Row, column_of, read_csv
from tradecapture.trades.document import Document
from tradecapture.trades.submission import Invalid, Submission, read_submission

HEADER = "tradeId,accountId,bookId,securityId,source,tradeDate,counterpartyIds,quantity"
GOOD = "T-1,ACC1,BOOK1,US0378331005,AUTOMATED,2026-01-15,CP1,1000"


def rows(*lines: str, header: str = HEADER) -> list[Row]:
    """Read a CSV file of these lines."""
    return list(read_csv([f"{line}\n".encode() for line in (header, *lines)]))


def document(row: Row) -> Document:
    """Return the trade of a row."""
    assert row.trade is not None, row.problem
    decoded: Document = msgspec.json.decode(row.trade)
    return decoded


def test_every_column_becomes_its_field() -> None:
    """All columns of the documentation arrive, each where the HTTP contract has it."""
    header = (
        HEADER + ",unit,price,currency,lotIdentifier,tradeTimestamp,bookingTimestamp,"
        "sequenceNumber,enteredBy,entryTimestamp,idempotencyKey,metadata.desk,metadata.note,fixing"
    )
    line = (
        "T-1,ACC1,BOOK1,US0378331005,MANUAL,2026-01-15,CP1; CP2,0.10000001,Shares,189.50,USD,LOT-7,"
        "2026-01-15T09:00:00Z,2026-01-15T09:01:00Z,7,ann,2026-01-15,key-1,"
        '"one, two","said ""\u00e9""",WMR'
    )
    (row,) = rows(line, header=header)
    assert document(row) == {
        "tradeId": "T-1",
        "accountId": "ACC1",
        "bookId": "BOOK1",
        "securityId": "US0378331005",
        "source": "MANUAL",
        "tradeDate": "2026-01-15",
        "counterpartyIds": ["CP1", "CP2"],
        "tradeTimestamp": "2026-01-15T09:00:00Z",
        "bookingTimestamp": "2026-01-15T09:01:00Z",
        "sequenceNumber": 7,
        "enteredBy": "ann",
        "entryTimestamp": "2026-01-15",
        "idempotencyKey": "key-1",
        "fixing": "WMR",
        "metadata": {"desk": "one, two", "note": 'said "\u00e9"'},
        "tradeLots": [
            {
                "lotIdentifier": "LOT-7",
                "priceQuantity": [
                    {
                        "quantity": [{"value": "0.10000001", "unit": {"financialUnit": "Shares"}}],
                        "price": [{"value": "189.50", "unit": {"currency": "USD"}}],
                    }
                ],
            }
        ],
    }
    assert isinstance(read_submission(row.trade or b"", date(2026, 1, 15)), Submission)


def test_a_short_header_is_enough() -> None:
    """The required columns make a valid trade; a currency as unit makes an amount of money."""
    (row,) = rows(GOOD)
    assert isinstance(read_submission(row.trade or b"", date(2026, 1, 15)), Submission)
    (row,) = rows(f"{GOOD},EUR", header=f"{HEADER},unit")
    lot = document(row)["tradeLots"][0]
    assert lot["priceQuantity"][0]["quantity"][0]["unit"] == {"currency": "EUR"}


def test_bad_rows_are_numbered_and_do_not_stop_the_others() -> None:
    """Too few cells, a quote out of place and bytes that are not UTF-8 each cost one row."""
    lines = [
        HEADER.encode(),
        GOOD.encode(),
        b"T-2,ACC1",
        GOOD.replace("T-1", '"T"-3').encode(),
        b"",
        GOOD.replace("T-1", "T-4").encode().replace(b"BOOK1", b"B\xe9"),
        GOOD.replace("T-1", "T-5").encode(),
    ]
    read = list(read_csv([line + b"\r\n" for line in lines]))
    assert [(row.number, row.trade is not None) for row in read] == [
        (2, True),
        (3, False),
        (4, False),
        (6, False),
        (7, True),
    ]
    assert read[1].problem == "has 2 cells, but the first line names 8 columns"
    assert read[2].problem.startswith("is not CSV: ")
    assert "UTF-8" in read[3].problem
    assert read[-1].end == sum(len(line) + 2 for line in lines)


def test_lines_swallowed_by_an_open_quote_are_named() -> None:
    """A quote that is closed lines later makes one bad row, which names the lines."""
    read = rows(GOOD, GOOD.replace("ACC1", '"ACC1'), GOOD, GOOD.replace("ACC1", 'A"CC1'), GOOD)
    assert [row.number for row in read] == [2, 3, 6]
    assert "lines 3 to 5" in read[1].problem


def test_a_missing_column_is_one_clear_error() -> None:
    """The error names every missing column."""
    with pytest.raises(CsvHeaderError, match="names no column accountId, quantity"):
        read_csv([HEADER.replace("accountId,", "").replace(",quantity", "").encode()])


def test_a_column_named_twice_is_refused() -> None:
    """The error names the column that appears twice."""
    with pytest.raises(CsvHeaderError, match="names bookId more than once"):
        read_csv([f"{HEADER},bookId".encode()])


def test_problems_are_told_by_column() -> None:
    """A problem of the validation is reported by the column that the user sees."""
    (row,) = rows(GOOD.replace(",1000", ",1;000").replace("2026-01-15", "15.1.2026"))
    read = read_submission(row.trade or b"", date(2026, 1, 15))
    assert isinstance(read, Invalid)
    assert {column_of(problem.path) for problem in read.problems} == {"quantity", "tradeDate"}


def test_an_empty_cell_leaves_its_field_out() -> None:
    """The validation then reports the missing field."""
    (row,) = rows(GOOD.replace("ACC1", " "))
    read = read_submission(row.trade or b"", date(2026, 1, 15))
    assert isinstance(read, Invalid)
    assert [problem.path for problem in read.problems] == ["$.accountId"]
