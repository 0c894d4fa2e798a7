"""The engine: connections to the ledger's database, set up for that database."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from tradecapture.connections.urls import without_password
from tradecapture.ledger.dialects import DIALECTS, LedgerDialect
from tradecapture.settings import Settings, SettingsError


def _text(error: BaseException) -> str:
    """Return the first line, which is the driver's own; further ones repeat the statement."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


def database_cause(error: Exception) -> str:
    """Return what the database's driver said, in a line."""
    return _text(error.orig if isinstance(error, DBAPIError) and error.orig else error)


# Drivers to use where the URL names only the database.
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mssql": "mssql+pymssql",
}


def make_engine(
    url: str, *, pool_size: int, timeout_seconds: float, read_only: bool = False
) -> tuple[Engine, LedgerDialect]:
    """Return an engine and its dialect. Make it after a fork, never before.

    Args:
        url: SQLAlchemy URL of SQLite, PostgreSQL or SQL Server.
        pool_size: connections, at most.
        timeout_seconds: how long a connect, or the wait for a free connection, may take.
        read_only: its connections only read, so that a replica may serve them.

    Raises:
        SettingsError: the URL is of no database that the ledger can use.
    """
    variable = "TRADECAPTURE_REPLICA_URL" if read_only else "TRADECAPTURE_DATABASE_URL"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Without their cause, which may quote parts of a password.
        raise SettingsError(
            f"{variable} is not a URL: give sqlite:///FILE, "
            "postgresql://USER@HOST/DATABASE or mssql://USER@HOST/DATABASE; "
            "in a user name or password write / as %2F, @ as %40, : as %3A and % as %25"
        ) from None
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    kind = DIALECTS.get(parsed.get_backend_name())
    if kind is None:
        raise SettingsError(
            f"{variable} names {parsed.get_backend_name()} "
            f"({without_password(url)}): give one of {', '.join(sorted(DIALECTS))}"
        )
    dialect = kind()
    engine = create_engine(
        parsed,
        connect_args=dialect.connect_arguments(timeout_seconds, read_only=read_only),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout_seconds,
        # Errors are logged and kept with parked trades: without the documents of other trades.
        hide_parameters=True,
    )
    dialect.configure(engine)
    return engine, dialect


@contextmanager
def open_engine(
    settings: Settings, *, replica: bool = False
) -> Iterator[tuple[Engine, LedgerDialect]]:
    """Open an engine of one connection for the length of a with block.

    Args:
        settings: name the database.
        replica: open the read replica, and only read.

    Raises:
        SettingsError: the URL is of no database that the ledger can use.
    """
    engine, dialect = make_engine(
        settings.replica_url if replica else settings.database_url,
        pool_size=1,
        timeout_seconds=settings.connect_seconds,
        read_only=replica,
    )
    try:
        yield engine, dialect
    finally:
        engine.dispose()


def create_database(url: str, timeout_seconds: float) -> bool:
    """Create the database that a URL names, if its server has none of the name; never change one.

    Args:
        url: as TRADECAPTURE_DATABASE_URL; its user must be allowed to create databases.
        timeout_seconds: how long a connect may take.

    Returns:
        Whether it was created. On SQLite never: there the file comes with the tables.

    Raises:
        SettingsError: the URL is of no database that the ledger can use, or names none.
        sqlalchemy.exc.SQLAlchemyError: the server does not answer, or refuses.
    """
    engine, dialect = make_engine(url, pool_size=1, timeout_seconds=timeout_seconds)
    engine.dispose()
    if dialect.administrative_database is None:
        return False
    name = engine.url.database
    if not name:
        raise SettingsError("TRADECAPTURE_DATABASE_URL names no database: append /NAME to it")
    administrative = make_url(url).set(database=dialect.administrative_database)
    engine, _dialect = make_engine(
        administrative.render_as_string(hide_password=False),
        pool_size=1,
        timeout_seconds=timeout_seconds,
    )
    try:
        # CREATE DATABASE is refused inside a transaction.
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            return dialect.create_database(connection, name)
    finally:
        engine.dispose()
