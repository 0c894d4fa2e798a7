"""Creation: the ledger's database itself, on a server that does not have it yet."""

from sqlalchemy import make_url

from tradecapture.ledger.engine import make_engine
from tradecapture.settings import SettingsError


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
