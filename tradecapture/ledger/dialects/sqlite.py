"""SQLite: one writer at a time, so a capture takes the write lock at its beginning."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, event, func, select, text

from tradecapture.ledger.dialects.base import LedgerDialect, on_connect

READ_ONLY = "tradecapture_read_only"  # execution option of connections that only read


class SqliteDialect(LedgerDialect):
    """SQLite 3.35 or newer."""

    name = "sqlite"

    def connect_arguments(
        self, timeout_seconds: float, *, read_only: bool = False
    ) -> dict[str, Any]:
        """Bound the wait for the write lock; leave transactions to `configure`."""
        return {"timeout": timeout_seconds, "isolation_level": None}

    def configure(self, engine: Engine) -> None:
        """Write ahead, sync at each commit, and begin captures with the write lock.

        Without BEGIN IMMEDIATE two captures read first and then both ask for the write lock;
        SQLite refuses one of them at once, however long it was told to wait.
        """
        on_connect(
            engine,
            "PRAGMA journal_mode = WAL",  # readers do not wait for the writer
            "PRAGMA synchronous = FULL",  # a settled trade is on disk, also after a power cut
        )

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            reads = connection.get_execution_options().get(READ_ONLY)
            connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    def array(self, values: Sequence[Any]) -> Any:
        """Return a JSON array."""
        return json.dumps(list(values))

    def among(self, column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
        """Compare with the elements of a JSON array."""
        elements = func.json_each(bindparam(parameter)).table_valued("value")
        return column.in_(select(elements.c.value))

    def is_transient_driver_error(self, error: BaseException) -> bool:
        """Return whether the file was locked, out of reach, full, read-only or without tables.

        All of them are operational errors; a damaged file is a plain database error.
        """
        return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError

    def server_findings(self, connection: Connection) -> dict[str, str]:
        """Return version and durability."""
        return {
            "sqlite_version": sqlite3.sqlite_version,
            "journal_mode": str(connection.execute(text("PRAGMA journal_mode")).scalar_one()),
            "synchronous": str(connection.execute(text("PRAGMA synchronous")).scalar_one()),
        }
