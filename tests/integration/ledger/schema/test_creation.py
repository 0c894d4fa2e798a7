"""The database itself: created where there is none, left alone where there is one."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url, text

from tradecapture.cli import cli
from tradecapture.ledger import LedgerReader, upgrade
from tradecapture.ledger.engine import create_database, open_engine
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.settings import Settings, SettingsError

NAME = "created_ledger"
TIMEOUT_SECONDS = 10.0


@pytest.fixture(params=["postgresql", pytest.param("mssql", marks=pytest.mark.mssql)])
def absent_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database that its server does not have; dropped when the test has made it."""
    if request.param == "mssql":
        server = request.getfixturevalue("mssql_server")
    else:
        postgresql: PostgresqlServer = request.getfixturevalue("postgresql_server")
        server = postgresql.url
    drop(server)
    yield make_url(server).set(database=NAME).render_as_string(hide_password=False)
    drop(server)


def settings_of(url: str) -> Settings:
    """Return settings that name a database or its server."""
    return Settings(database_url=url, connect_seconds=TIMEOUT_SECONDS)


def drop(server: str) -> None:
    """Drop the database."""
    with open_engine(settings_of(server)) as (engine, _dialect):
        own = engine.execution_options(isolation_level="AUTOCOMMIT")
        with own.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {NAME}"))


def test_a_database_is_created_once(absent_url: str) -> None:
    """The first call creates it, the second finds it; then it takes the ledger's tables."""
    settings = settings_of(absent_url)
    assert create_database(settings)
    assert not create_database(settings)
    with open_engine(settings) as (engine, dialect):
        upgrade(engine)
        found = LedgerReader(engine, dialect).server_findings()
    # On SQL Server readers must not wait for captures; on PostgreSQL they never do.
    assert found.get("read_committed_snapshot", "1") == "1"


def test_a_url_without_a_database_is_refused() -> None:
    """Nothing is asked of the server: the error says what to append."""
    with pytest.raises(SettingsError, match="append /NAME"):
        create_database(settings_of("postgresql://desk@127.0.0.1:1"))


def test_sqlite_needs_no_creation() -> None:
    """Its file comes with the tables."""
    assert not create_database(settings_of("sqlite:///nowhere/ledger.db"))


def test_db_upgrade_creates_the_database_if_it_is_asked_to(absent_url: str) -> None:
    """`--create` makes it, with its tables; run again, both are there already."""
    variables = {"TRADECAPTURE_DATABASE_URL": absent_url}
    first = CliRunner().invoke(cli, ["db", "upgrade", "--create"], env=variables)
    assert first.exit_code == 0, first.stderr
    assert "The database was created." in first.stdout
    again = CliRunner().invoke(cli, ["db", "upgrade", "--create"], env=variables)
    assert again.exit_code == 0, again.stderr
    assert "created" not in again.stdout
    assert "already" in again.stdout
