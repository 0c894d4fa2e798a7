"""The ledger's engine: SQLAlchemy's connections, set up for the database that the URL names."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from tradecapture.connections.urls import without_password
from tradecapture.ledger.dialects import DIALECTS, LedgerDialect
from tradecapture.settings import Settings, SettingsError

# Drivers to use where the URL names only the database.
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mssql": "mssql+pymssql",
}


def make_engine(
    settings: Settings, *, pool_size: int | None = None, replica: bool = False
) -> tuple[Engine, LedgerDialect]:
    """Return an engine and its dialect. Make it after a fork, never before.

    Args:
        settings: name the database, and bound its connections and their waits.
        pool_size: connections, at most; None: as many as the settings say.
        replica: connect to the read replica, and only read.

    Raises:
        SettingsError: the URL is of no database that the ledger can use.
    """
    url, dialect_class = _parse(settings, replica=replica)
    dialect = dialect_class(settings.lease_seconds)
    engine = create_engine(
        url,
        connect_args=dialect.connect_arguments(settings.connect_seconds, read_only=replica),
        pool_size=settings.pool_size if pool_size is None else pool_size,
        max_overflow=0,
        pool_timeout=settings.connect_seconds,
        # Errors are logged, and kept with parked trades: without the documents of other trades.
        hide_parameters=True,
    )
    dialect.configure(engine)
    return engine, dialect


@contextmanager
def open_engine(
    settings: Settings, *, pool_size: int = 1, replica: bool = False
) -> Iterator[tuple[Engine, LedgerDialect]]:
    """Make an engine and its dialect, and close the connections in the end.

    The arguments are those of `make_engine`.

    Raises:
        SettingsError: the URL is of no database that the ledger can use.
    """
    engine, dialect = make_engine(settings, pool_size=pool_size, replica=replica)
    try:
        yield engine, dialect
    finally:
        engine.dispose()


def create_database(settings: Settings) -> bool:
    """Create the database that the settings name, if its server has none of the name.

    A database that exists is left as it is. The user must be allowed to create databases.

    Returns:
        Whether it was created. On SQLite never: the database file comes with the tables.

    Raises:
        SettingsError: the URL is of no database that the ledger can use, or names none.
        sqlalchemy.exc.SQLAlchemyError: the server does not answer, or refuses.
    """
    url, dialect_class = _parse(settings)
    if dialect_class.administrative_database is None:
        return False
    if not url.database:
        raise SettingsError("TRADECAPTURE_DATABASE_URL names no database: append /NAME to it")
    administrative = url.set(database=dialect_class.administrative_database)
    server = replace(settings, database_url=administrative.render_as_string(hide_password=False))
    with (
        open_engine(server) as (engine, dialect),
        # CREATE DATABASE is refused inside a transaction.
        engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection,
    ):
        return dialect.create_database(connection, url.database)


def database_cause(error: Exception) -> str:
    """Return what the database's driver said, in one line."""
    return first_line(error.orig if isinstance(error, DBAPIError) and error.orig else error)


def first_line(error: BaseException) -> str:
    """Return an error's first line. SQLAlchemy's further lines repeat the statement."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


def _parse(settings: Settings, *, replica: bool = False) -> tuple[URL, type[LedgerDialect]]:
    variable = "TRADECAPTURE_REPLICA_URL" if replica else "TRADECAPTURE_DATABASE_URL"
    text = settings.replica_url if replica else settings.database_url
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Without their cause, which may quote parts of a password.
        raise SettingsError(
            f"{variable} is not a URL: give sqlite:///FILE, "
            "postgresql://USER@HOST/DATABASE or mssql://USER@HOST/DATABASE; "
            "in a user name or password write / as %2F, @ as %40, : as %3A and % as %25"
        ) from None
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    dialect_class = DIALECTS.get(url.get_backend_name())
    if dialect_class is None:
        raise SettingsError(
            f"{variable} names {url.get_backend_name()} ({without_password(text)}): "
            f"give one of {', '.join(sorted(DIALECTS))}"
        )
    return url, dialect_class
