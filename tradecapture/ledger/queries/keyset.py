"""Keyset pagination: reads the rows that follow a key, so that page 1,000 costs as much as page 1.

Pages that skip rows by a count (OFFSET) read all rows of the earlier pages again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Select


def read_after(
    connection: Connection,
    query: Select[Any],
    columns: Sequence["Column[Any]"],
    key: Sequence[Any],
    limit: int,
    parameters: Mapping[str, Any],
) -> list[Row[Any]]:
    """Return the first rows of a query after a key.

    Args:
        connection: to the ledger.
        query: ordered by the columns; has no limit of its own.
        columns: together they identify a row, and an index has them in this order.
        key: values of the columns, or of the first of them only: then the rows that begin with
            these values are left out, too. Empty: reads from the first row on.
        limit: rows, at most.
        parameters: of the query.
    """
    rows: list[Row[Any]] = []
    for conditions in _ranges_after(columns, key):
        page = query.where(*conditions).limit(limit - len(rows))
        rows += connection.execute(page, parameters).all()
        if len(rows) == limit:
            break
    return rows


def _ranges_after(
    columns: Sequence["Column[Any]"], key: Sequence[Any]
) -> Iterator[list[ColumnElement[bool]]]:
    """Yield the conditions of the index ranges that follow a key, in order.

    For the key (7, 3): first `a = 7 AND b > 3`, then `a > 7`. Both in one statement would need an
    OR, and no database then starts to read the index at the key.
    """
    columns = columns[: len(key)]
    for length in reversed(range(len(key))):
        same = [column == value for column, value in zip(columns[:length], key, strict=False)]
        yield [*same, columns[length] > key[length]]
    if not key:
        yield []
