"""Tokens, the parts of an answer ([MS-TDS] 2.2.7), as TDS 7.4 encodes them."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from tests.support.tds.protocol.values import COLLATION, Column, encode, type_info

SERVER_NAME = "STANDIN"

_MORE, _ERROR, _COUNT, _ATTENTION = 0x01, 0x02, 0x10, 0x20
_DONE, _DONE_PROCEDURE, _DONE_IN_PROCEDURE = 0xFD, 0xFE, 0xFF
_SELECT = 0xC1  # the command of a result with rows


class SqlError(NamedTuple):
    """An error as SQL Server reports it."""

    number: int
    text: str
    severity: int = 16
    state: int = 1


def error(problem: SqlError) -> bytes:
    """Return an ERROR token."""
    return _message(0xAA, problem)


def information(number: int, text: str) -> bytes:
    """Return an INFO token, as for a changed database."""
    return _message(0xAB, SqlError(number, text, severity=0))


def done(count: int | None = None, *, more: bool = False, failed: bool = False) -> bytes:
    """Return the end of a statement, with its row count and whether another result follows."""
    return _ending(_DONE, count, more=more, failed=failed)


def done_in_procedure(count: int | None = None) -> bytes:
    """Return the end of a statement inside a procedure; the end of the procedure follows."""
    return _ending(_DONE_IN_PROCEDURE, count, more=True)


def procedure_done(*, more: bool = False) -> bytes:
    """Return status 0 and the end of a procedure."""
    return b"\x79" + struct.pack("<i", 0) + _ending(_DONE_PROCEDURE, None, more=more)


def attention_done() -> bytes:
    """Return the answer to an attention: nothing runs any more."""
    return struct.pack("<BHHQ", _DONE, _ATTENTION, 0, 0)


def columns(of: Iterable[Column]) -> bytes:
    """Return the description of a result's columns."""
    described = list(of)
    return struct.pack("<BH", 0x81, len(described)) + b"".join(
        struct.pack("<IH", 0, 0x01) + type_info(column) + _short_text(column.name)
        for column in described
    )


def row(of: Iterable[Column], values: Iterable[object]) -> bytes:
    """Return a row."""
    return b"\xd1" + b"".join(
        encode(column, value) for column, value in zip(of, values, strict=True)
    )


def database_changed(new: str, old: str) -> bytes:
    """Return the message that the session's database has changed."""
    return _changed(1, _short_text(new) + _short_text(old)) + information(
        5701, f"Changed database context to '{new}'."
    )


def transaction_begun(number: int) -> bytes:
    """Return the descriptor of a new transaction, which the client sends with later requests."""
    return _changed(8, b"\x08" + struct.pack("<Q", number) + b"\x00")


def transaction_ended(number: int, *, committed: bool) -> bytes:
    """Return the message that a transaction has ended."""
    return _changed(9 if committed else 10, b"\x00\x08" + struct.pack("<Q", number))


def logged_in(database: str, packet_size: int) -> bytes:
    """Return the answer to a login."""
    program = _short_text("Microsoft SQL Server")
    body = b"\x01" + bytes((0x74, 0, 0, 4)) + program + bytes((13, 0, 0x13, 0xA2))
    size = str(packet_size)
    return (
        database_changed(database, "master")
        + _changed(7, bytes((len(COLLATION),)) + COLLATION + b"\x00")
        + _changed(2, _short_text("us_english") + _short_text(""))
        + struct.pack("<BH", 0xAD, len(body))
        + body
        + _changed(4, _short_text(size) + _short_text(size))
        + done()
    )


def _ending(token: int, count: int | None, *, more: bool, failed: bool = False) -> bytes:
    status = (_MORE if more else 0) | (_ERROR if failed else 0)
    status |= 0 if count is None else _COUNT
    return struct.pack("<BHHQ", token, status, _SELECT if count else 0, count or 0)


def _message(token: int, problem: SqlError) -> bytes:
    text = problem.text[:2000].encode("utf-16-le")
    body = (
        struct.pack("<iBB", problem.number, problem.state, problem.severity)
        + struct.pack("<H", len(text) // 2)
        + text
        + _short_text(SERVER_NAME)
        + _short_text("")
        + struct.pack("<I", 1)
    )
    return struct.pack("<BH", token, len(body)) + body


def _changed(kind: int, body: bytes) -> bytes:
    return struct.pack("<BHB", 0xE3, len(body) + 1, kind) + body


def _short_text(text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    return struct.pack("<B", len(encoded) // 2) + encoded
