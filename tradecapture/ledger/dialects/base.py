"""The dialect's interface: what the ledger asks of a database, and what most databases share."""

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


# The time-outs of a connection follow the lease of a claim (TRADECAPTURE_LEASE_SECONDS) between
# these bounds. A shorter lock time-out fails both transactions of a deadlock instead of one:
# PostgreSQL looks for deadlocks only after 1 s (its `deadlock_timeout`). A shorter limit on idle
# transactions ends those of healthy workers: a busy host may pause them for about a second.
MIN_TIMEOUT_SECONDS = 2.0
# A longer one keeps operators waiting for the lock of a dead worker, and delays the trades of a
# blocked claim's other partitions.
MAX_TIMEOUT_SECONDS = 10.0
# The lock time-out as a share of the lease, so that a blocked claim is given back before its lease
# ends.
LOCK_TIMEOUT_SHARE = 0.8


class LedgerDialect:
    """How the ledger uses a database; a subclass overrides what its database does differently.

    Attributes:
        lock_timeout_ms: how long a statement waits for a lock, in milliseconds.
        idle_transaction_ms: how long a transaction may be idle, in milliseconds, until the server
            ends it. A healthy worker is idle for milliseconds. The locks of a worker that is
            stopped within its transaction, or whose host is gone, would block its partitions
            forever.
    """

    name = "default"
    # The database to connect to in order to create another; None: a database is created by the
    # first connection to it.
    administrative_database: str | None = None

    def __init__(self, lease_seconds: float) -> None:
        """Derive the time-outs from the lease of a claim, in seconds."""
        timeout_seconds = min(max(lease_seconds, MIN_TIMEOUT_SECONDS), MAX_TIMEOUT_SECONDS)
        self.idle_transaction_ms = round(1000 * timeout_seconds)
        self.lock_timeout_ms = round(1000 * timeout_seconds * LOCK_TIMEOUT_SHARE)

    def connect_arguments(
        self, timeout_seconds: float, *, read_only: bool = False
    ) -> dict[str, Any]:
        """Return arguments for the driver's connect.

        Args:
            timeout_seconds: how long a connect may take.
            read_only: the connection only reads, so that a replica may serve it.
        """
        return {}

    def configure(self, engine: Engine) -> None:
        """Set up each new connection of an engine."""

    def create_database(self, connection: Connection, name: str) -> bool:
        """Create a database unless one of the name exists; return whether it was created.

        Args:
            connection: to the administrative database; it commits each statement.
            name: of the new database.
        """
        raise NotImplementedError

    def array(self, values: Sequence[Any]) -> Any:
        """Return many values as the single parameter that `among` takes."""
        raise NotImplementedError

    def among(self, column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
        """Return the condition that a column equals one of the values of an array parameter.

        The values are one parameter, so that the statement is the same for any number of them.
        """
        raise NotImplementedError

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows, whose values have the order of the table's columns, in one statement."""
        names = row_columns(table, rows[0])
        connection.execute(
            insert(table).inline(), [dict(zip(names, row, strict=True)) for row in rows]
        )

    def update_partitions(self, connection: Connection, rows: Sequence[PartitionRow]) -> None:
        """Update the rows of partitions, in one statement."""
        connection.execute(
            _UPDATE,
            [
                {"key_": row.partition_key, **{f"{n}_": getattr(row, n) for n in UPDATED_COLUMNS}}
                for row in rows
            ],
        )

    def is_transient(self, error: BaseException) -> bool:
        """Return whether the same transaction may succeed if it is run again.

        That includes integrity errors: between our read and our write, another transaction has
        captured the same id or inserted the same partition. The next attempt reads its rows.
        """
        if isinstance(error, PoolTimeoutError):
            return True
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return True
        return self.is_integrity_error(error) or self.is_transient_driver_error(
            _driver_error(error)
        )

    def is_integrity_error(self, error: BaseException) -> bool:
        """Return whether a statement violated a unique key."""
        return isinstance(error, IntegrityError)

    def is_transient_driver_error(self, error: BaseException) -> bool:
        """Return whether a driver's error is no trade's fault, and passes or can be repaired.

        Examples: a deadlock, a lock time-out, a lost connection, a full disk, a read-only standby,
        a missing table.
        """
        raise NotImplementedError

    def server_findings(self, connection: Connection) -> dict[str, str]:
        """Return the server's settings that `doctor` assesses: name -> value."""
        return {}

    def replication_facts(self, connection: Connection) -> dict[str, str]:
        """Return the database's part in replication, as far as it can be asked for.

        Returns:
            `read_only`: yes or no. `system`: an id that a server shares with its replicas.
            `place`: how much the server has written or applied, in bytes. `age_seconds`: of the
            last transaction that a replica has applied.
        """
        return {}


def row_columns(table: Table, row: Row) -> list[str]:
    """Return the columns of a row: all but those whose values the database generates.

    Raises:
        ValueError: the row has more or fewer values.
    """
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
        # PostgreSQL undoes a SET if the transaction that it belongs to is rolled back.
        dbapi_connection.commit()
