"""Files of trades: NDJSON, JSON and CSV, read row by row."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from pathlib import PurePath
from typing import BinaryIO, NamedTuple

import msgspec

from tradecapture.cli.commands.submit.csv_files import CsvHeaderError, Row, read_csv
from tradecapture.cli.errors import EXIT_USAGE, CommandError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some programs write it at the beginning of UTF-8 files
NEXT_STEP = "Nothing was sent: correct the file, or name its format with --format"


class Format(StrEnum):
    """The format of a file."""

    NDJSON = "ndjson"
    JSON = "json"
    CSV = "csv"


SUFFIXES = {
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".json": Format.JSON,
    ".csv": Format.CSV,
}


class TradeFile(NamedTuple):
    """A file whose beginning is valid, and its rows."""

    name: str
    format: Format
    rows: Iterator[Row]


def read_trades(name: str, file: BinaryIO, forced: Format | None) -> TradeFile:
    """Read the beginning of a file, and prepare to read its rows.

    Args:
        name: of the file, as the user knows it.
        file: opened for reading.
        forced: its format; None: decided by its suffix or, without a known suffix, by its first
            line.

    Raises:
        CommandError: the file as a whole cannot be read; the message names it.
    """
    first = file.readline()
    lines = chain([first.removeprefix(BYTE_ORDER_MARK)], file)
    file_format = forced or SUFFIXES.get(PurePath(name).suffix.lower()) or _format_of(first)
    try:
        if file_format is Format.CSV:
            return TradeFile(name, file_format, read_csv(lines))
        if file_format is Format.JSON:
            return TradeFile(name, file_format, _read_json(b"".join(lines)))
    except CsvHeaderError as error:
        raise CommandError(f"{name}: {error}. {NEXT_STEP}", EXIT_USAGE) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{name} is not JSON: {error}. {NEXT_STEP}", EXIT_USAGE) from error
    return TradeFile(name, file_format, _read_ndjson(lines))


def _format_of(first: bytes) -> Format:
    text = first.removeprefix(BYTE_ORDER_MARK).strip()
    if text.startswith(b"{"):
        return Format.NDJSON if _is_json(text) else Format.JSON
    # An empty first line begins neither a JSON value nor a CSV header.
    return Format.JSON if text.startswith(b"[") else Format.CSV if text else Format.NDJSON


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _read_ndjson(lines: Iterator[bytes]) -> Iterator[Row]:
    end = 0
    for number, line in enumerate(lines, 1):
        end += len(line)
        if text := line.strip():
            yield Row(number, end, text)


def _read_json(text: bytes) -> Iterator[Row]:
    """Check that the whole text is JSON, and return each trade with its bytes unchanged."""
    if text.lstrip().startswith(b"["):
        trades = [bytes(raw) for raw in msgspec.json.decode(text, type=list[msgspec.Raw])]
    else:
        trades = [bytes(msgspec.json.decode(text, type=msgspec.Raw))]
    return (Row(number, len(text), trade) for number, trade in enumerate(trades, 1))
