"""CSV files: each row is a trade with one lot; numbers stay text, which keeps them exact."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tradecapture.trades.document import encode


class Row(NamedTuple):
    """One row of a file: a trade that is not validated yet."""

    number: int  # the line on which it begins; in a JSON array its index, from 1
    end: int  # bytes of the file up to the end of the row
    trade: bytes | None  # its JSON; None: the row has a problem
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
METADATA_PREFIX = "metadata."  # of the columns that go into the trade's metadata
CURRENCY_LETTERS = 3  # ISO 4217

# JSON path of a problem -> the column that it comes from.
COLUMNS = {
    "$.tradeLots[0].priceQuantity[0].quantity[0].value": "quantity",
    "$.tradeLots[0].priceQuantity[0].quantity[0].unit": "unit",
    "$.tradeLots[0].priceQuantity[0].price[0].value": "price",
    "$.tradeLots[0].priceQuantity[0].price[0].unit": "currency",
}


class CsvHeaderError(ValueError):
    """The first line is not a usable header; the message names the columns."""


def read_csv(lines: Iterable[bytes]) -> Iterator[Row]:
    """Read the header, and return an iterator over the rows.

    Spaces around a cell are removed. An empty cell leaves its field out. An unknown column becomes
    a field of the trade, because unknown fields are kept.

    Args:
        lines: of the file, in UTF-8, each with its line ending.

    Raises:
        CsvHeaderError: a column is missing or named twice.
    """
    text = _Text(lines)
    # Strict: a quote that is not closed is an error, and does not swallow the rest of the file.
    reader = csv.reader(text, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise CsvHeaderError(f"the first line is not a CSV header: {error}") from error
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise CsvHeaderError(
            f"the first line names no column {', '.join(missing)}. Required are "
            f"{','.join(REQUIRED)}; unit, price, currency and others are optional"
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise CsvHeaderError(f"the first line names {', '.join(repeated)} more than once")
    return _rows(reader, header, text)


def column_of(path: str) -> str:
    """Return the column that a problem with this JSON path comes from."""
    return COLUMNS.get(path, path.removeprefix("$."))


class _Text:
    """Decodes lines and counts their bytes; bytes that are not UTF-8 are kept, to be reported."""

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
    """Return the trade of a row; the validation of the trade finds wrong values later."""
    fields = {name: cell for name, cell in cells.items() if cell}
    document: dict[str, Any] = {
        name: cell
        for name, cell in fields.items()
        if name not in LOT and not name.startswith(METADATA_PREFIX)
    }
    document["counterpartyIds"] = [
        part.strip() for part in fields.get("counterpartyIds", "").split(";") if part.strip()
    ]
    number = fields.get("sequenceNumber", "")
    if number.isdecimal() and number.isascii():
        document["sequenceNumber"] = int(number)
    metadata = {
        name.removeprefix(METADATA_PREFIX): cell
        for name, cell in fields.items()
        if name.startswith(METADATA_PREFIX)
    }
    if metadata:
        document["metadata"] = metadata
    document["tradeLots"] = [_lot(fields)]
    return document


def _lot(fields: Mapping[str, str]) -> dict[str, Any]:
    quantity: dict[str, Any] = {"value": fields.get("quantity", "")}
    if unit := fields.get("unit"):
        is_currency = len(unit) == CURRENCY_LETTERS and unit.isalpha() and unit.isupper()
        quantity["unit"] = {"currency" if is_currency else "financialUnit": unit}
    pair: dict[str, Any] = {"quantity": [quantity]}
    if "price" in fields:
        price: dict[str, Any] = {"value": fields["price"]}
        if currency := fields.get("currency"):
            price["unit"] = {"currency": currency}
        pair["price"] = [price]
    lot: dict[str, Any] = {"priceQuantity": [pair]}
    if identifier := fields.get("lotIdentifier"):
        lot["lotIdentifier"] = identifier
    return lot
