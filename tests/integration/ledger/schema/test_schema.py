"""The schema: what the migrations make is what the code reads and writes, on every database."""

import re

import pytest
from sqlalchemy import Engine, create_engine, inspect

from tests.support.ledger.bare_database import differences
from tradecapture.ledger import Ledger, SchemaError, check_schema, upgrade
from tradecapture.ledger.schema.tables import metadata
from tradecapture.ledger.schema.upgrades import newest_revision, revision_of, upgrade_sql


@pytest.fixture
def bare() -> Engine:
    """A database without tables."""
    return create_engine("sqlite://")


def test_the_migrations_make_the_tables_of_the_code(ledger: Ledger) -> None:
    """Alembic finds no difference, types, indexes and keys included."""
    assert differences(ledger.engine) == []


def test_upgrading_twice_is_harmless(ledger: Ledger) -> None:
    """The second run finds nothing to do."""
    upgrade(ledger.engine)
    assert str(revision_of(ledger.engine)) == newest_revision()
    check_schema(ledger.engine)


def test_a_database_without_tables_is_refused_with_what_to_do(bare: Engine) -> None:
    """The error names both revisions, says that nothing is lost, and what to run."""
    with pytest.raises(SchemaError) as refused:
        check_schema(bare)
    message = str(refused.value)
    assert f"at revision none, this release needs {newest_revision()}" in message
    assert "accepted trades wait in their inboxes" in message
    assert "tradecapture db upgrade" in message
    assert inspect(bare).get_table_names() == []


def test_upgrading_makes_a_bare_database_right(bare: Engine) -> None:
    """From nothing to this release."""
    upgrade(bare)
    check_schema(bare)
    assert metadata.tables.keys() <= set(inspect(bare).get_table_names())


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mssql"])
def test_an_administrator_can_read_the_sql(
    dialect: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offline, every table, index and column of this release is in it."""
    upgrade_sql(dialect)
    text = capsys.readouterr().out
    for table in metadata.sorted_tables:
        assert f"CREATE TABLE {table.name} (" in text
        # A column is in CREATE TABLE, or added by a later revision.
        assert all(f" {column.name} " in text for column in table.columns)
        for index in table.indexes:
            assert re.search(rf"INDEX (CONCURRENTLY )?{index.name} ON", text)


def test_sql_server_gets_exact_keys_and_modern_types(capsys: pytest.CaptureFixture[str]) -> None:
    """Keys compared by code point, microseconds, days, text of any length and alphabet."""
    upgrade_sql("mssql")
    text = capsys.readouterr().out
    assert "partition_key NVARCHAR(302) COLLATE Latin1_General_100_BIN2 NOT NULL" in text
    assert "trade_id NVARCHAR(100) COLLATE Latin1_General_100_BIN2 NOT NULL" in text
    assert "captured_at DATETIME2(6) NOT NULL" in text
    assert "trade_date DATE NOT NULL" in text
    assert "document NVARCHAR(max) NOT NULL" in text
    assert "correlation_id NVARCHAR(128)" in text
    assert "net_quantity NUMERIC(38, 8)" in text
    assert "event_id BIGINT NOT NULL IDENTITY" in text


def test_postgresql_compares_keys_by_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    """Faster than a locale, and the order in which rows are locked."""
    upgrade_sql("postgresql")
    assert 'partition_key VARCHAR(302) COLLATE "C" NOT NULL' in capsys.readouterr().out
