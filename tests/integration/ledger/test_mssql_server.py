"""What `doctor` finds out on a SQL Server: isolation, connections, version."""

from dataclasses import replace

import pytest
from sqlalchemy import create_engine, make_url, text

from tradecapture.doctor.database import check_database
from tradecapture.doctor.finding import Finding, Level
from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import open_engine
from tradecapture.settings import Settings

SNAPSHOT = "database read_committed_snapshot"
pytestmark = pytest.mark.mssql


def findings(settings: Settings, url: str) -> dict[str, Finding]:
    """Return what `doctor` says of a database, by subject."""
    found = check_database(replace(settings, database_url=url), processes=4)
    return {finding.subject: finding for finding in found}


def run(url: str, statement: str) -> None:
    """Run a statement outside of a transaction."""
    driver = make_url(url).set(drivername="mssql+pymssql")
    engine = create_engine(driver, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_doctor_finds_that_readers_wait_for_captures(settings: Settings, bare_mssql: str) -> None:
    """A new database has it off; the cure that is told is one statement, and it helps."""
    with open_engine(replace(settings, database_url=bare_mssql)) as (engine, _dialect):
        upgrade(engine)
    finding = findings(settings, bare_mssql)[SNAPSHOT]
    assert finding.level is Level.WARN
    assert "readers wait for captures" in finding.cure
    _before, statement, _after = finding.cure.split("`")
    run(bare_mssql, statement)
    after = findings(settings, bare_mssql)
    assert {subject: f.level for subject, f in after.items() if f.level is not Level.OK} == {}
    assert SNAPSHOT in after


def test_doctor_counts_the_connections_that_the_server_has(
    settings: Settings, mssql_database: str
) -> None:
    """Processes times pool size, of @@MAX_CONNECTIONS; and which version it is."""
    found = findings(settings, mssql_database)
    assert found["connection budget"].message.startswith("4 processes x 2 connections = 8 of the")
    assert found["database version"].message.count(".") >= 2
