"""Migrations on every database: with trades in the tables, back again, and by hand from `--sql`."""

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, Table, insert, inspect

from tests.support.builders import EPOCH, NOW, PARTITION, entry, submission
from tests.support.ledger.bare_database import FIRST, differences, migrate
from tests.support.ledger.ledger_snapshot import (
    capture,
    captured,
    exception_rows,
    partition_row,
    trade_rows,
)
from tradecapture.ledger import Ledger, check_schema, upgrade
from tradecapture.ledger.rows import exception_row, new_partition, trade_row
from tradecapture.ledger.schema.tables import exceptions, metadata, partitions, trades
from tradecapture.ledger.schema.upgrades import SchemaVersion, upgrade_sql
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome

ADDED = {  # by 0002
    "partitions": {"paused_reason", "upstream", "buffered"},
    "trades": {"sequence_number", "buffered_at"},
    "exceptions": {"sequence_number", "callback_url"},
}


def add(engine: Engine, table: Table, row: Any) -> None:
    """Write a row as the first release did, which had fewer columns."""
    values = {n: v for n, v in row._asdict().items() if n not in ADDED[table.name]}
    with engine.begin() as connection:
        connection.execute(insert(table).inline().values(values))


def with_first_trades(engine: Engine) -> None:
    """Make the tables of the first release, with a captured and a rejected trade in them."""
    migrate(engine, FIRST)
    first = new_partition(PARTITION, NOW)._replace(last_sequence=1, last_position=2, epoch=EPOCH)
    add(engine, partitions, first)
    add(engine, trades, trade_row(entry(submission("T-1")), 1, NOW.date(), None, "t", NOW))
    rejected = exception_row(entry(submission("T-2"), 2), Outcome.REJECTED, "why", "t", NOW)
    add(engine, exceptions, rejected)


def test_trades_of_the_first_release_are_kept_and_gone_on_with(
    bare: Engine, bare_url: str, settings: Settings
) -> None:
    """New columns have what says nothing; sequence and position go on where they were."""
    with_first_trades(bare)
    upgrade(bare)
    check_schema(bare)
    ledger = Ledger(replace(settings, database_url=bare_url))
    row = partition_row(ledger)
    assert (row.upstream, row.buffered, row.paused_reason) == (0, 0, None)
    assert [r.callback_url for r in exception_rows(ledger)] == [""]
    assert capture(ledger, entry(submission("T-3"), 3)) == [captured(PARTITION, 1)]
    found = [(r.trade_id, r.ledger_sequence, r.sequence_number) for r in trade_rows(ledger)]
    assert found == [("T-1", 1, None), ("T-3", 2, None)]
    ledger.dispose()


def test_a_migration_can_be_taken_back(bare: Engine) -> None:
    """To the first release, whose trades are still there; forth again; and to nothing."""
    with_first_trades(bare)
    upgrade(bare)
    migrate(bare, FIRST)
    inspector = inspect(bare)
    for table, added in ADDED.items():
        assert not added & {column["name"] for column in inspector.get_columns(table)}
    assert "audit" not in inspector.get_table_names()
    with bare.connect() as connection:
        assert connection.exec_driver_sql("SELECT trade_id FROM trades").scalar_one() == "T-1"
    upgrade(bare)
    migrate(bare, SchemaVersion(None, None))
    assert not metadata.tables.keys() & set(inspect(bare).get_table_names())


def test_what_an_administrator_runs_by_hand_makes_the_same_tables(
    bare: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """`db upgrade --sql`, statement by statement: alembic finds no difference afterwards."""
    upgrade_sql(bare.dialect.name)
    script = re.sub(r"^--.*$|^GO$", "", capsys.readouterr().out, flags=re.MULTILINE)
    by_hand = bare.execution_options(isolation_level="AUTOCOMMIT")
    with by_hand.connect() as connection:
        for statement in filter(None, map(str.strip, script.split(";"))):
            connection.exec_driver_sql(statement)
        connection.commit()  # on SQLite, where our connections always begin
    check_schema(bare)
    assert differences(bare) == []
