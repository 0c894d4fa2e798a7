"""SQL Server through pymssql: OPENJSON for bulk, explicit collations, three shapes of errors."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    bindparam,
    cast,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects import mssql
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from tradecapture.ledger.dialects.base import UPDATED_COLUMNS, LedgerDialect, Row, row_columns
from tradecapture.ledger.rows import PartitionRow
from tradecapture.ledger.tables import partitions
from tradecapture.ledger.types import MSSQL_COLLATION

LOCK_TIMEOUT_MS = 4000  # below the default lease of 5 s, so that a blocked claim is given back

# `conn_properties` replaces pymssql's own list, so that is repeated here (its _mssql.pyx).
# XACT_ABORT: without it the statements after a failed one still run.
CONNECTION_PROPERTIES = (
    "SET ARITHABORT ON;SET CONCAT_NULL_YIELDS_NULL ON;SET ANSI_NULLS ON;"
    "SET ANSI_NULL_DFLT_ON ON;SET ANSI_PADDING ON;SET ANSI_WARNINGS ON;"
    "SET CURSOR_CLOSE_ON_COMMIT ON;SET QUOTED_IDENTIFIER ON;SET TEXTSIZE 2147483647;"
    f"SET XACT_ABORT ON;SET LOCK_TIMEOUT {LOCK_TIMEOUT_MS};"
)

# Errors that are no trade's fault: our statements are the same for every trade.
TRANSIENT_NUMBERS = {
    1205,  # chosen as deadlock victim
    1222,  # lock request time-out
    3960,  # snapshot update conflict
    208,  # a table is missing
    229,  # a right is missing
    *(701, 1204),  # out of memory, out of locks
    *(1105, 9002),  # data file full, log full
    *(3906, 976, 983),  # read-only database, secondary replica, replica in transition
    *(4060, 18456),  # database not to be opened, login failed
    *(40197, 40501, 40613),  # Azure SQL: reconfiguring, busy, not available
}
INTEGRITY_NUMBERS = {
    2601,  # unique index: another capture was first
    2627,  # primary key: another capture was first
}
# DB-Library's own numbers for a connection that is gone; SQLAlchemy knows only some of them.
DISCONNECT_NUMBERS = {20002, 20003, 20004, 20006, 20009, 20017, 20047}
_KNOWN_NUMBERS = TRANSIENT_NUMBERS | INTEGRITY_NUMBERS | DISCONNECT_NUMBERS


class MssqlDialect(LedgerDialect):
    """SQL Server 2016 or newer (OPENJSON)."""

    name = "mssql"

    def connect_arguments(self, timeout_seconds: float) -> dict[str, Any]:
        """Bound the login, set the connection up, and keep microseconds."""
        return {
            "login_timeout": max(1, round(timeout_seconds)),
            "conn_properties": CONNECTION_PROPERTIES,
            "use_datetime2": True,
        }

    def configure(self, engine: Engine) -> None:
        """Throw away connections that DB-Library has lost."""

        @event.listens_for(engine, "handle_error")
        def _disconnected(context: ExceptionContext) -> None:
            if DISCONNECT_NUMBERS.intersection(error_numbers(context.original_exception)):
                context.is_disconnect = True

    def array(self, values: Sequence[Any]) -> Any:
        """Return a JSON array."""
        return json.dumps(list(values), ensure_ascii=False)

    def among(self, column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
        """Compare with the elements of a JSON array, cast and collated as the column is.

        Without the cast the index is not used; without the collation the comparison is refused.
        """
        elements = func.openjson(bindparam(parameter)).table_valued("value")
        value = cast(elements.c.value, mssql.NVARCHAR(getattr(column.type, "length", None)))
        return column.in_(select(value.collate(MSSQL_COLLATION)))

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Send all rows as one JSON parameter: a sixth of the CPU of an insert with VALUES."""
        connection.exec_driver_sql(insert_sql(table, rows[0]), (_json(rows),))

    def update_partitions(self, connection: Connection, rows: Sequence[PartitionRow]) -> None:
        """Send all rows as one JSON parameter and join with it."""
        connection.exec_driver_sql(update_sql(), (_json(rows),))

    def is_integrity_error(self, error: BaseException) -> bool:
        """Return whether a unique key was violated; pymssql has no one class for it."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        return not INTEGRITY_NUMBERS.isdisjoint(error_numbers(cause))

    def is_transient_driver_error(self, error: BaseException) -> bool:
        """Judge by the number, wherever pymssql has put it."""
        return not (TRANSIENT_NUMBERS | DISCONNECT_NUMBERS).isdisjoint(error_numbers(error))

    def server_findings(self, connection: Connection) -> dict[str, str]:
        """Return version, isolation and the connection limit."""
        questions = {
            "server_version": "SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(50))",
            "read_committed_snapshot": (
                "SELECT CAST(is_read_committed_snapshot_on AS INT) FROM sys.databases "
                "WHERE name = DB_NAME()"
            ),
            "max_connections": "SELECT @@MAX_CONNECTIONS",
        }
        return {
            name: str(connection.execute(text(question)).scalar_one())
            for name, question in questions.items()
        }


def error_numbers(error: BaseException) -> set[int]:
    """Return the numbers in a pymssql error; none for the errors of others.

    pymssql has three shapes: execute gives (number, bytes), connect ((number, bytes),), and commit
    hides the number in the text; MSSQLDatabaseException has it as an attribute.
    """
    # By name, so that the driver is loaded only where it is used.
    if type(error).__module__.split(".")[0] != "pymssql":
        return set()
    numbers = {number for number in _flatten(error.args) if isinstance(number, int)}
    if isinstance(number := getattr(error, "number", None), int):
        numbers.add(number)
    if numbers := numbers - {0}:
        return numbers
    # Only where there is no other: a text may also quote a trade, whose id may be any number.
    message = " ".join(str(part) for part in error.args)
    return {int(digits) for digits in re.findall(r"\b\d{4,5}\b", message)} & _KNOWN_NUMBERS


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


def _with_rows_parameter(inner: str) -> str:
    # sp_executesql, because pymssql writes parameters into the text: this way the text that
    # SQL Server plans stays the same for every batch.
    quoted = inner.replace("'", "''")
    return f"EXEC sp_executesql N'{quoted}', N'@rows NVARCHAR(MAX)', @rows = %s"


@cache
def _schema(table: Table, names: tuple[str, ...]) -> str:
    dialect = mssql.dialect()
    kinds = (table.c[name].type.compile(dialect=dialect).split(" COLLATE")[0] for name in names)
    return ", ".join(
        f"{name} {kind} '$[{index}]'"
        for index, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )


def _json(rows: Sequence[Row]) -> str:
    return json.dumps([[_plain(value) for value in row] for row in rows], ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


def _flatten(values: Any) -> Iterator[Any]:
    for value in values if isinstance(values, tuple | list) else (values,):
        if isinstance(value, tuple | list):
            yield from _flatten(value)
        else:
            yield value
