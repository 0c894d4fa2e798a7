"""Results: the rows of PostgreSQL, as SQL Server would send them."""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from tests.support.tds.protocol import tokens
from tests.support.tds.protocol.values import Column
from tests.support.tds.translation.translation import Translated

_KINDS = {16: "bool", 20: "int8", 21: "int2", 23: "int4", 26: "int8", 700: "float8", 701: "float8"}
_KINDS |= {1700: "numeric", 1082: "date", 1114: "timestamp", 17: "bytea"}
_VARCHAR = 1043


def result(
    cursor: "psycopg.Cursor[tuple[Any, ...]]",
    translated: Translated,
    *,
    in_procedure: bool,
    more: bool,
) -> Iterator[bytes]:
    """Yield the tokens of a statement's result.

    Args:
        cursor: that has run the statement.
        translated: the statement.
        in_procedure: whether sp_executesql ran it.
        more: whether another statement of the batch follows.
    """
    if cursor.description is None:
        count = cursor.rowcount if translated.kind in ("insert", "update", "delete") else None
    else:
        rows = cursor.fetchall()
        count = len(rows)
        described = list(_columns(cursor, translated.labels, rows))
        yield tokens.columns(described)
        for row in rows:
            yield tokens.row(described, row)
    if in_procedure:
        yield tokens.done_in_procedure(count)
        yield tokens.procedure_done(more=more)
    else:
        yield tokens.done(count, more=more)


def _columns(
    cursor: "psycopg.Cursor[Any]", labels: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> Iterator[Column]:
    description = cursor.description or []
    for index, column in enumerate(description):
        name = labels[index] if len(labels) == len(description) else column.name
        kind = _KINDS.get(column.type_code, "text")
        if kind == "numeric":
            scale = column.scale
            if scale is None:
                digits = [row[index].as_tuple().exponent for row in rows if row[index] is not None]
                scale = max((-int(digit) for digit in digits), default=0)
            yield Column(name, kind, precision=column.precision or 38, scale=max(0, scale))
        else:
            size = column.display_size if column.type_code == _VARCHAR else None
            yield Column(name, kind, size)
