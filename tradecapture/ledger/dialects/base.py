"""What every database must be able to do, and how it is done where nothing special pays."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    bindparam,
    event,
    insert,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tradecapture.ledger.rows import PartitionRow
from tradecapture.ledger.schema.tables import partitions

Row = tuple[Any, ...]

UPDATED_COLUMNS = tuple(c.name for c in partitions.columns if not c.primary_key)

_UPDATE = (
    update(partitions)
    .where(partitions.c.partition_key == bindparam("key_"))
    .values({name: bindparam(f"{name}_") for name in UPDATED_COLUMNS})
)


# The waits below follow the lease of a claim (TRADECAPTURE_LEASE_SECONDS), between these bounds.
# Shorter ones would do harm: PostgreSQL looks for a deadlock after 1 s (its `deadlock_timeout`),
# and a lock time-out before that fails both transactions instead of one. A busy host may also
# pause a healthy worker for about a second.
MIN_WAIT_SECONDS = 2.0
# Longer ones would, too: a lock also blocks operators, and a blocked claim delays the trades of
# its other partitions.
MAX_WAIT_SECONDS = 10.0
# Of the wait for an idle transaction: a blocked claim is given back before its lease ends.
LOCK_TIMEOUT_SHARE = 0.8


class LedgerDialect:
    """The matters in which databases differ; subclasses say how each does it best.

    Attributes:
        lock_timeout_ms: how long a statement waits for a lock, in milliseconds.
        idle_transaction_ms: how long a transaction may be idle, in milliseconds. Then the server
            ends it: the locks of a worker that is stopped within its transaction, or whose host is
            gone, would otherwise block its partitions forever. By then the worker has lost its
            claim; a healthy worker is idle for milliseconds only.
    """

    name = "default"
    # Where to be while a database is created; None: it comes with its first connection.
    administrative_database: str | None = None

    def __init__(self, lease_seconds: float) -> None:
        """Derive the waits from the lease of a claim, in seconds."""
        wait_seconds = min(max(lease_seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS)
        self.idle_transaction_ms = round(1000 * wait_seconds)
        self.lock_timeout_ms = round(1000 * wait_seconds * LOCK_TIMEOUT_SHARE)

    def connect_arguments(
        self, timeout_seconds: float, *, read_only: bool = False
    ) -> dict[str, Any]:
        """Return arguments for the driver's connect.

        Args:
            timeout_seconds: how long a connect may take.
            read_only: it will only read, so that a replica may serve it.
        """
        return {}

    def configure(self, engine: Engine) -> None:
        """Add what each new connection needs."""

    def create_database(self, connection: Connection, name: str) -> bool:
        """Create a database if there is none of the name; return whether there was none.

        Args:
            connection: to the administrative database, committing each statement.
            name: of the database.
        """
        raise NotImplementedError

    def array(self, values: Sequence[Any]) -> Any:
        """Return many values as the one parameter that `among` compares with."""
        raise NotImplementedError

    def among(self, column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
        """Return the condition that a column is one of the values of an array parameter.

        One parameter however many values, so that the statement stays the same.
        """
        raise NotImplementedError

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows given in the order of the table's columns, in one statement."""
        names = row_columns(table, rows[0])
        connection.execute(
            insert(table).inline(), [dict(zip(names, row, strict=True)) for row in rows]
        )

    def update_partitions(self, connection: Connection, rows: Sequence[PartitionRow]) -> None:
        """Write partitions' rows back, in one statement."""
        connection.execute(
            _UPDATE,
            [
                {"key_": row.partition_key, **{f"{n}_": getattr(row, n) for n in UPDATED_COLUMNS}}
                for row in rows
            ],
        )

    def is_transient(self, error: BaseException) -> bool:
        """Return whether the same transaction may succeed if it is run again.

        An integrity error is one: another transaction captured the same id, or made the same
        partition, between our read and our write; the next attempt reads what it wrote.
        """
        if isinstance(error, PoolTimeoutError):
            return True
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return True
        return self.is_integrity_error(error) or self.is_transient_driver_error(
            _driver_error(error)
        )

    def is_integrity_error(self, error: BaseException) -> bool:
        """Return whether a unique key was violated."""
        return isinstance(error, IntegrityError)

    def is_transient_driver_error(self, error: BaseException) -> bool:
        """Return whether the driver's error is no trade's fault, and will pass or be mended.

        Deadlock, lock time-out, lost connection, full disk, read-only standby, missing table …
        """
        raise NotImplementedError

    def server_findings(self, connection: Connection) -> dict[str, str]:
        """Return what `doctor` should know of the server: setting -> value."""
        return {}

    def replication_facts(self, connection: Connection) -> dict[str, str]:
        """Return a database's part in replication, as far as it tells.

        `read_only`: yes or no; `system`: the same for a server and those that follow it; `place`:
        how much it has written or applied, in bytes; `age_seconds`: of the last transaction that
        it applied.
        """
        return {}


def row_columns(table: Table, row: Row) -> list[str]:
    """Return the columns that a row fills: all but those whose values the database makes."""
    names = [column.name for column in table.columns if column.identity is None]
    if len(names) != len(row):
        raise ValueError(f"a row of {len(row)} values does not fill {table.name}{names}")
    return names


def _driver_error(error: BaseException) -> BaseException:
    return (error.orig or error) if isinstance(error, DBAPIError) else error


def on_connect(engine: Engine, *statements: str) -> None:
    """Run statements on each new connection."""

    @event.listens_for(engine, "connect")
    def _run(dbapi_connection: Any, _record: Any) -> None:
        cursor = dbapi_connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        # On PostgreSQL a SET is undone when the transaction that it was made in is rolled back.
        dbapi_connection.commit()
