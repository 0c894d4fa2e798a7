"""The dialect of SQL Server: connections, bulk statements, errors and settings."""

import json
from collections.abc import Sequence
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

from tradecapture.ledger.dialects.base import LedgerDialect, Row
from tradecapture.ledger.dialects.mssql.bulk import insert_sql, rows_json, update_sql
from tradecapture.ledger.dialects.mssql.errors import (
    DISCONNECT_NUMBERS,
    INTEGRITY_NUMBERS,
    TRANSIENT_NUMBERS,
    error_numbers,
    has_no_transaction,
    is_no_connection,
)
from tradecapture.ledger.rows import PartitionRow
from tradecapture.ledger.schema.column_types import MSSQL_COLLATION

# `conn_properties` replaces pymssql's own statements (in its _mssql.pyx), which the first three
# lines repeat. XACT_ABORT: without it the statements after a failed one still run.
_SESSION_OPTIONS = (
    "SET ARITHABORT ON;SET CONCAT_NULL_YIELDS_NULL ON;SET ANSI_NULLS ON;"
    "SET ANSI_NULL_DFLT_ON ON;SET ANSI_PADDING ON;SET ANSI_WARNINGS ON;"
    "SET CURSOR_CLOSE_ON_COMMIT ON;SET QUOTED_IDENTIFIER ON;SET TEXTSIZE 2147483647;"
    "SET XACT_ABORT ON;"
)


class MssqlDialect(LedgerDialect):
    """SQL Server 2016 or newer (OPENJSON)."""

    name = "mssql"
    administrative_database = "master"

    @property
    def connection_properties(self) -> str:
        """The statements that set up a new connection."""
        return f"{_SESSION_OPTIONS}SET LOCK_TIMEOUT {self.lock_timeout_ms};"

    def connect_arguments(
        self, timeout_seconds: float, *, read_only: bool = False
    ) -> dict[str, Any]:
        """Bound the login, set up the connection, keep microseconds, and declare read-only use.

        Read-only use (ApplicationIntent=ReadOnly) lets the listener of an availability group send
        the connection to a readable secondary.
        """
        return {
            "login_timeout": max(1, round(timeout_seconds)),
            "conn_properties": self.connection_properties,
            "use_datetime2": True,
            "read_only": read_only,
        }

    def configure(self, engine: Engine) -> None:
        """Discard connections that DB-Library has lost, and those left without a transaction."""

        @event.listens_for(engine, "handle_error")
        def _disconnected(context: ExceptionContext) -> None:
            error = context.original_exception
            if DISCONNECT_NUMBERS.intersection(error_numbers(error)):
                context.is_disconnect = True
            elif has_no_transaction(error):
                context.is_disconnect = True
                context.invalidate_pool_on_disconnect = False

    def create_database(self, connection: Connection, name: str) -> bool:
        """Create the database so that readers do not wait for captures, as they do by default.

        An existing one keeps its setting: to change that, all other connections must be closed.
        """
        existing = text("SELECT 1 FROM sys.databases WHERE name = :name")
        if connection.execute(existing, {"name": name}).first():
            return False
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"CREATE DATABASE {quoted}")
        connection.exec_driver_sql(f"ALTER DATABASE {quoted} SET READ_COMMITTED_SNAPSHOT ON")
        return True

    def array(self, values: Sequence[Any]) -> Any:
        """Return a JSON array."""
        return json.dumps(list(values), ensure_ascii=False)

    def among(self, column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
        """Compare with the elements of the JSON array, cast and collated like the column.

        Without the cast SQL Server does not use the index; without the collation it refuses the
        comparison.
        """
        elements = func.openjson(bindparam(parameter)).table_valued("value")
        value = cast(elements.c.value, mssql.NVARCHAR(getattr(column.type, "length", None)))
        return column.in_(select(value.collate(MSSQL_COLLATION)))

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Send the rows as one JSON parameter: a sixth of the CPU of an INSERT with VALUES."""
        connection.exec_driver_sql(insert_sql(table, rows[0]), (rows_json(rows),))

    def update_partitions(self, connection: Connection, rows: Sequence[PartitionRow]) -> None:
        """Send the rows as one JSON parameter and join with it."""
        connection.exec_driver_sql(update_sql(), (rows_json(rows),))

    def is_integrity_error(self, error: BaseException) -> bool:
        """Return whether a unique key was violated; pymssql has several classes for that."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        return not INTEGRITY_NUMBERS.isdisjoint(error_numbers(cause))

    def is_transient_driver_error(self, error: BaseException) -> bool:
        """Look at the error number; without a connection, no trade can be at fault."""
        transient = TRANSIENT_NUMBERS | DISCONNECT_NUMBERS
        return is_no_connection(error) or not transient.isdisjoint(error_numbers(error))

    def server_findings(self, connection: Connection) -> dict[str, str]:
        """Return the version, isolation and connection limit."""
        queries = {
            "server_version": "SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(50))",
            "read_committed_snapshot": (
                "SELECT CAST(is_read_committed_snapshot_on AS INT) FROM sys.databases "
                "WHERE name = DB_NAME()"
            ),
            "max_connections": "SELECT @@MAX_CONNECTIONS",
        }
        return {
            name: str(connection.execute(text(query)).scalar_one())
            for name, query in queries.items()
        }

    def replication_facts(self, connection: Connection) -> dict[str, str]:
        """Return `read_only` alone: to ask for the rest, a user needs a further right."""
        query = "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS NVARCHAR(128))"
        updateability = connection.execute(text(query)).scalar_one()
        return {"read_only": "yes" if updateability == "READ_ONLY" else "no"}
