"""PostgreSQL through psycopg 3: COPY for rows, one UPDATE ... FROM unnest for partitions."""

from collections.abc import Sequence
from datetime import date
from functools import cache, lru_cache
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import ColumnElement, Connection, Date, Engine, Table, Text, bindparam, func, text
from sqlalchemy.dialects import postgresql

from tradecapture.ledger.dialects.base import (
    UPDATED_COLUMNS,
    LedgerDialect,
    Row,
    on_connect,
    row_columns,
)
from tradecapture.ledger.rows import PartitionRow
from tradecapture.ledger.schema.column_types import UtcTimestamp
from tradecapture.ledger.schema.tables import partitions

# How long a server may be silent until its connections count as lost. The operating system's own
# keep-alive takes two hours. A lost packet is sent again within a second. Unix sockets ignore this.
SILENT_SERVER_SECONDS = 5
KEEP_ALIVE = {
    "keepalives_idle": SILENT_SERVER_SECONDS,
    "keepalives_interval": 1,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 1000 * SILENT_SERVER_SECONDS,  # ms that sent data may go unconfirmed
}

SEPARATOR = "\x1f"  # ASCII unit separator

# SQLSTATEs that are no trade's fault, because our statements are the same for every trade: 08
# connection, 25006 read-only standby (after a failover), 25P03 idle for too long, 40 serialisation
# failure and deadlock, 42 missing table or right, 53 out of disk, memory or connections, 55P03 lock
# time-out, 57 cancelled or shutting down, 58 and XX errors of the server itself.
TRANSIENT_STATES = ("08", "25006", "25P03", "40", "42", "53", "55P03", "57", "58", "XX")


class PostgresqlDialect(LedgerDialect):
    """PostgreSQL 13 or newer."""

    name = "postgresql"
    administrative_database = "postgres"

    def connect_arguments(
        self, timeout_seconds: float, *, read_only: bool = False
    ) -> dict[str, Any]:
        """Bound the connect and the server's silence, and prepare no statements on the server.

        A plan that was prepared while the tables were empty reads whole tables later; planning each
        time costs 0.2 ms a batch. A connection pooler in transaction mode needs it, too.
        """
        return {
            "connect_timeout": max(2, round(timeout_seconds)),
            "prepare_threshold": None,
            **KEEP_ALIVE,
        }

    def configure(self, engine: Engine) -> None:
        """Bound the wait for locks, and how long an idle transaction keeps its own."""
        on_connect(
            engine,
            f"SET lock_timeout = '{self.lock_timeout_ms}ms'",
            f"SET idle_in_transaction_session_timeout = '{self.idle_transaction_ms}ms'",
        )

    def create_database(self, connection: Connection, name: str) -> bool:
        """Create the database in UTF-8, whatever the server's locale."""
        existing = text("SELECT 1 FROM pg_database WHERE datname = :name")
        if connection.execute(existing, {"name": name}).first():
            return False
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'")
        return True

    def array(self, values: Sequence[Any]) -> Any:
        """Return the values as one text, which PostgreSQL splits.

        This is cheaper than an array, whose elements psycopg escapes one by one. The separator is
        not printable, so no accepted id contains it; such an id would only not be found.
        """
        return SEPARATOR.join(values)

    def among(self, column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
        """Compare with = ANY(array)."""
        array = func.string_to_array(bindparam(parameter, type_=Text), SEPARATOR)
        return column == func.any(array)

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Send the rows with COPY, which takes a fifth of the CPU of an INSERT."""
        columns = row_columns(table, rows[0])
        # psycopg would format the dates and times of every row; few of them differ.
        dates = _dates_in(table, tuple(columns))
        driver: psycopg.Connection[Any] | None = connection.connection.driver_connection
        assert driver is not None
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                cells = list(row)
                for index in dates:
                    cells[index] = _as_text(cells[index])
                copy.write_row(cells)

    def update_partitions(self, connection: Connection, rows: Sequence[PartitionRow]) -> None:
        """Send each column as an array."""
        columns = (list(column) for column in zip(*rows, strict=True))
        connection.execute(_UPDATE, dict(zip(PartitionRow._fields, columns, strict=True)))

    def is_integrity_error(self, error: BaseException) -> bool:
        """Return whether a unique key was violated; SQLAlchemy wraps no error of a COPY."""
        return super().is_integrity_error(error) or isinstance(error, errors.IntegrityError)

    def is_transient_driver_error(self, error: BaseException) -> bool:
        """Look at the SQLSTATE; an operational error without one is a lost connection."""
        if not isinstance(error, psycopg.Error):
            return False
        if error.sqlstate is None:
            return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return error.sqlstate.startswith(TRANSIENT_STATES)

    def server_findings(self, connection: Connection) -> dict[str, str]:
        """Return the version, isolation, durability and connection limit."""
        return {
            name: str(connection.execute(text(f"SHOW {name}")).scalar_one())
            for name in (
                "server_version",
                "default_transaction_isolation",
                "synchronous_commit",
                "max_connections",
            )
        }

    def replication_facts(self, connection: Connection) -> dict[str, str]:
        """Return all of them."""
        row = connection.execute(text(_REPLICATION)).one()
        return {name: str(value) for name, value in row._mapping.items() if value is not None}


_REPLICATION = """
SELECT CASE WHEN pg_is_in_recovery() THEN 'yes' ELSE 'no' END AS read_only,
    (SELECT system_identifier FROM pg_control_system()) AS system,
    pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
        '0/0'
    ) AS place,
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS age_seconds
"""


def _array_type(name: str) -> str:
    compiled = partitions.c[name].type.compile(dialect=postgresql.dialect())
    return compiled.split(" COLLATE")[0]


@lru_cache(maxsize=4096)
def _as_text(value: date | None) -> str | None:
    return None if value is None else str(value)


@cache
def _dates_in(table: Table, columns: tuple[str, ...]) -> tuple[int, ...]:
    kinds = (Date, UtcTimestamp)
    return tuple(i for i, name in enumerate(columns) if isinstance(table.c[name].type, kinds))


_UPDATE = text(
    "UPDATE partitions AS p SET "
    + ", ".join(f"{name} = v.{name}" for name in UPDATED_COLUMNS)
    + " FROM unnest("
    + ", ".join(f"CAST(:{name} AS {_array_type(name)}[])" for name in PartitionRow._fields)
    + f") AS v ({', '.join(PartitionRow._fields)}) WHERE p.partition_key = v.partition_key"
)
