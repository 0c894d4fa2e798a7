"""Values of PostgreSQL's types, encoded as SQL Server's types on the wire."""

import struct
from datetime import date, datetime, time
from decimal import Context, Decimal
from typing import Any, NamedTuple

# SQL_Latin1_General_CP1_CI_AS, the default: language, flags, sort id.
COLLATION = bytes((0x09, 0x04, 0xD0, 0x00, 0x34))

MAX_TEXT = 4000  # characters of an NVARCHAR that is not MAX
_EXACT = Context(prec=60)  # more digits than any NUMERIC has
_EPOCH = date(1, 1, 1).toordinal()
_SECONDS_SCALE = 6  # decimals of the seconds of a DATETIME2, as in the ledger's columns


class Column(NamedTuple):
    """A column of a result: its name and its PostgreSQL type."""

    name: str
    kind: str  # the name of the PostgreSQL type
    size: int | None = None  # characters of a text; None: any number
    precision: int = 38
    scale: int = 0


_INTEGERS = {"int2": 2, "int4": 4, "int8": 8}


def type_info(column: Column) -> bytes:  # noqa: PLR0911 - one case per type
    """Return the description of a type."""
    match column.kind:
        case "bool":
            return b"\x68\x01"
        case "int2" | "int4" | "int8":
            return bytes((0x26, _INTEGERS[column.kind]))
        case "numeric":
            return bytes((0x6C, 17, column.precision, column.scale))
        case "float8":
            return b"\x6d\x08"
        case "date":
            return b"\x28"
        case "timestamp":
            return bytes((0x2A, _SECONDS_SCALE))
        case "bytea":
            return struct.pack("<BH", 0xA5, 0xFFFF)
        case _:
            return struct.pack("<BH", 0xE7, _bytes_of(column)) + COLLATION


def encode(column: Column, value: Any) -> bytes:  # noqa: PLR0911 - one case per type
    """Return a value, encoded as its column's type."""
    match column.kind:
        case "bool":
            return b"\x00" if value is None else struct.pack("<B?", 1, value)
        case "int2" | "int4" | "int8":
            size = _INTEGERS[column.kind]
            return (
                b"\x00"
                if value is None
                else bytes((size,)) + value.to_bytes(size, "little", signed=True)
            )
        case "numeric":
            return b"\x00" if value is None else _numeric(value, column.scale)
        case "float8":
            return b"\x00" if value is None else struct.pack("<Bd", 8, value)
        case "date":
            return b"\x00" if value is None else b"\x03" + _days(value)
        case "timestamp":
            return b"\x00" if value is None else _datetime2(value)
        case "bytea":
            return _long(value)
        case _:
            text = None if value is None else str(value).encode("utf-16-le")
            if _bytes_of(column) == 0xFFFF:
                return _long(text)
            return b"\xff\xff" if text is None else struct.pack("<H", len(text)) + text


def _bytes_of(column: Column) -> int:
    if column.size is None or column.size > MAX_TEXT:
        return 0xFFFF  # MAX
    return 2 * column.size


def _numeric(value: Decimal, scale: int) -> bytes:
    whole = int(value.scaleb(scale, _EXACT).to_integral_value(context=_EXACT))
    return struct.pack("<BB", 17, whole >= 0) + abs(whole).to_bytes(16, "little")


def _days(value: date) -> bytes:
    return (value.toordinal() - _EPOCH).to_bytes(3, "little")


def _datetime2(value: datetime) -> bytes:
    clock: time = value.time()
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    micros = seconds * 10**6 + clock.microsecond
    return b"\x08" + micros.to_bytes(5, "little") + _days(value.date())


def _long(value: bytes | None) -> bytes:
    """Return a value of a MAX type: its length, one chunk, the end."""
    if value is None:
        return b"\xff" * 8
    chunk = struct.pack("<I", len(value)) + value if value else b""
    return struct.pack("<Q", len(value)) + chunk + b"\x00" * 4
