"""The engine: connections to the ledger's database, set up for that database."""

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from tradecapture.ledger.dialects import DIALECTS, LedgerDialect
from tradecapture.server_url import without_password
from tradecapture.settings import SettingsError

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
