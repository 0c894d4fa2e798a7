"""CSV trades: one row a trade of one lot, read with Python's csv module, numbers as exact text."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tradecapture.trades.document import encode


class Row(NamedTuple):
    """One trade of a file, not validated yet."""

    number: int  # the line at which it begins; in a JSON array its place, from 1
    end: int  # bytes of the file up to its end
    trade: bytes | None  # its JSON; None: see the problem
    problem: str = ""


REQUIRED = (
    "tradeId",
    "accountId",
    "bookId",
    "securityId",
    "source",
    "tradeDate",
    "counterpartyIds",
    "quantity",
)
LOT = ("quantity", "unit", "price", "currency", "lotIdentifier")
METADATA = "metadata."  # beginning of a column that goes into the trade's metadata
CURRENCY_LETTERS = 3  # ISO 4217

# Where a problem of the trade that a row became stands in the row.
COLUMNS = {
    "$.tradeLots[0].priceQuantity[0].quantity[0].value": "quantity",
    "$.tradeLots[0].priceQuantity[0].quantity[0].unit": "unit",
    "$.tradeLots[0].priceQuantity[0].price[0].value": "price",
    "$.tradeLots[0].priceQuantity[0].price[0].unit": "currency",
}


class CsvHeaderError(ValueError):
    """The first line does not name the columns that a trade needs; the message names them."""


def read_csv(lines: Iterable[bytes]) -> Iterator[Row]:
    """Read the header now, and return the rows, to be read one by one.

    Cells are taken without the spaces around them; an empty cell leaves its field out; a column
    that is not known becomes a field of the trade, because unknown fields are kept.

    Args:
        lines: of the file, UTF-8, each with its line ending.

    Raises:
        CsvHeaderError: a column is missing or named twice.
    """
    text = _Text(lines)
    # Strict: a quote that is not closed is an error there, and does not swallow the file.
    reader = csv.reader(text, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise CsvHeaderError(f"the first line is not a CSV header: {error}") from error
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise CsvHeaderError(
            f"the first line names no column {', '.join(missing)}. Required are "
            f"{','.join(REQUIRED)}; unit, price, currency and others may follow"
        )
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise CsvHeaderError(f"the first line names {', '.join(doubled)} more than once")
    return _rows(reader, header, text)


def column_of(path: str) -> str:
    """Return the column in which a problem with this JSON path stands."""
    return COLUMNS.get(path, path.removeprefix("$."))


class _Text:
    """The lines as text, counted. Bytes that are not UTF-8 are kept for their row to report."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.consumed = 0  # bytes

    def __iter__(self) -> "_Text":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.consumed += len(line)
        return line.decode("utf-8", "surrogateescape")


def _rows(reader: Any, header: list[str], text: _Text) -> Iterator[Row]:
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = reader.line_num
            lines = "" if last == number else f" (lines {number} to {last} were read as one row)"
            yield Row(number, text.consumed, None, f"is not CSV: {error}{lines}")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            problem = f"has {len(cells)} cells, but the first line names {len(header)} columns"
            yield Row(number, text.consumed, None, problem)
            continue
        try:
            trade = encode(_document(dict(zip(header, map(str.strip, cells), strict=True))))
        except UnicodeEncodeError:
            yield Row(number, text.consumed, None, "is not UTF-8: save the file as UTF-8")
            continue
        yield Row(number, text.consumed, trade)


def _document(cells: dict[str, str]) -> dict[str, Any]:
    """Return the trade of a row; whatever is wrong with a value is left for the validation."""
    given: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
    lot = {name: given.pop(name) for name in LOT if name in given}
    metadata = {
        name.removeprefix(METADATA): given.pop(name)
        for name in list(given)
        if name.startswith(METADATA)
    }
    given["counterpartyIds"] = [
        part.strip() for part in given.get("counterpartyIds", "").split(";") if part.strip()
    ]
    number = given.get("sequenceNumber", "")
    if number.isdecimal() and number.isascii():
        given["sequenceNumber"] = int(number)
    if metadata:
        given["metadata"] = metadata
    given["tradeLots"] = [_lot(lot)]
    return given


def _lot(lot: dict[str, str]) -> dict[str, Any]:
    quantity: dict[str, Any] = {"value": lot.get("quantity", "")}
    if unit := lot.get("unit"):
        is_currency = len(unit) == CURRENCY_LETTERS and unit.isalpha() and unit.isupper()
        quantity["unit"] = {"currency" if is_currency else "financialUnit": unit}
    pair: dict[str, Any] = {"quantity": [quantity]}
    if "price" in lot:
        price: dict[str, Any] = {"value": lot["price"]}
        if currency := lot.get("currency"):
            price["unit"] = {"currency": currency}
        pair["price"] = [price]
    full: dict[str, Any] = {"priceQuantity": [pair]}
    if identifier := lot.get("lotIdentifier"):
        full["lotIdentifier"] = identifier
    return full
