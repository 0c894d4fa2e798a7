"""Statements for many rows: the rows are one JSON parameter, which OPENJSON reads."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import mssql

from tradecapture.ledger.dialects.base import UPDATED_COLUMNS, Row, row_columns
from tradecapture.ledger.rows import PartitionRow
from tradecapture.ledger.schema.column_types import MSSQL_COLLATION
from tradecapture.ledger.schema.tables import partitions


def insert_sql(table: Table, row: Row) -> str:
    """Return the statement that inserts rows from one JSON parameter."""
    names = row_columns(table, row)
    columns = ", ".join(names)
    inner = (
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} "
        f"FROM OPENJSON(@rows) WITH ({_schema(table, tuple(names))})"
    )
    return _with_rows_parameter(inner)


def update_sql() -> str:
    """Return the statement that updates partitions from one JSON parameter."""
    assignments = ", ".join(f"{name} = v.{name}" for name in UPDATED_COLUMNS)
    inner = (
        f"UPDATE p SET {assignments} FROM partitions AS p "
        f"JOIN OPENJSON(@rows) WITH ({_schema(partitions, PartitionRow._fields)}) AS v "
        f"ON p.partition_key = v.partition_key COLLATE {MSSQL_COLLATION}"
    )
    return _with_rows_parameter(inner)


def rows_json(rows: Sequence[Row]) -> str:
    """Return rows as the JSON that these statements read."""
    return json.dumps([[_plain(value) for value in row] for row in rows], ensure_ascii=False)


def _with_rows_parameter(inner: str) -> str:
    # pymssql writes parameters into the text. sp_executesql keeps the text that SQL Server plans
    # the same for every batch.
    quoted = inner.replace("'", "''")
    return f"EXEC sp_executesql N'{quoted}', N'@rows NVARCHAR(MAX)', @rows = %s"


@cache
def _schema(table: Table, names: tuple[str, ...]) -> str:
    dialect = mssql.dialect()
    types = (table.c[name].type.compile(dialect=dialect).split(" COLLATE")[0] for name in names)
    return ", ".join(
        f"{name} {kind} '$[{index}]'"
        for index, (name, kind) in enumerate(zip(names, types, strict=True))
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value
