"""SQLite: a capture takes the write lock when it begins, because only one can write at a time."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, event, func, select, text

from tradecapture.ledger.dialects.base import LedgerDialect, on_connect

READ_ONLY = "tradecapture_read_only"  # execution option of a connection that only reads


class SqliteDialect(LedgerDialect):
    """SQLite 3.35 or newer."""

    name = "sqlite"

    def connect_arguments(
        self, timeout_seconds: float, *, read_only: bool = False
    ) -> dict[str, Any]:
        """Bound the wait for the write lock; `configure` begins transactions, not the driver."""
        return {"timeout": timeout_seconds, "isolation_level": None}

    def configure(self, engine: Engine) -> None:
        """Use a write-ahead log, sync it at each commit, and begin captures with the write lock.

        Without BEGIN IMMEDIATE, two captures could read first and then both ask for the write lock.
        SQLite refuses one of them at once, whatever the time-out.
        """
        on_connect(
            engine,
            "PRAGMA journal_mode = WAL",  # readers do not wait for the writer
            "PRAGMA synchronous = FULL",  # a captured trade survives a power cut
        )

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            reads = connection.get_execution_options().get(READ_ONLY)
            connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    def array(self, values: Sequence[Any]) -> Any:
        """Return a JSON array."""
        return json.dumps(list(values))

    def among(self, column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
        """Compare with the elements of the JSON array."""
        elements = func.json_each(bindparam(parameter)).table_valued("value")
        return column.in_(select(elements.c.value))

    def is_transient_driver_error(self, error: BaseException) -> bool:
        """Return whether the file was locked, unreachable, full, read-only or without tables.

        Those are operational errors. A plain database error means that the file is damaged.
        """
        return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError

    def server_findings(self, connection: Connection) -> dict[str, str]:
        """Return the version and durability."""
        return {
            "sqlite_version": sqlite3.sqlite_version,
            "journal_mode": str(connection.execute(text("PRAGMA journal_mode")).scalar_one()),
            "synchronous": str(connection.execute(text("PRAGMA synchronous")).scalar_one()),
        }
