"""SQL Server without a server: the SQL that it gets, and what its connections are told."""

import ast
import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import CompoundSelect, Select, Table
from sqlalchemy.dialects.mssql import pymssql as sqlalchemy_pymssql
from sqlalchemy.exc import DBAPIError

import tradecapture.ledger as ledger_package
from tradecapture.ledger.dialects.mssql import MssqlDialect
from tradecapture.ledger.dialects.mssql.bulk import insert_sql, rows_json, update_sql
from tradecapture.ledger.engine import make_engine
from tradecapture.ledger.rows import ExceptionRow, OutboxRow, PartitionRow, TradeRow
from tradecapture.ledger.schema.tables import exceptions, outbox, partitions, trades
from tradecapture.ledger.transaction import LedgerTransaction
from tradecapture.local.servers.ports import free_port
from tradecapture.settings import Settings

DIALECT = MssqlDialect(lease_seconds=5)
BIN2 = "COLLATE Latin1_General_100_BIN2"
# What the other databases have and SQL Server has not, or has in a form that loses races.
FOREIGN = ("MERGE", "ON CONFLICT", "RETURNING", "FOR UPDATE", "LIMIT", "ANY(", "NTEXT")

ROWS: list[tuple[Table, type[Any]]] = [
    (trades, TradeRow),
    (exceptions, ExceptionRow),
    (outbox, OutboxRow),
    (partitions, PartitionRow),
]


def compiled(query: Select[Any] | CompoundSelect[Any]) -> str:
    """Return a query's text for SQL Server."""
    return str(query.compile(dialect=sqlalchemy_pymssql.dialect(paramstyle="pyformat")))


def statements() -> Iterable[str]:
    """Return the text of every statement that a capture sends to SQL Server."""
    transaction = LedgerTransaction(DIALECT, 100)
    for query in (
        transaction._select_partitions,
        transaction._select_existing,
        transaction._select_buffered,
    ):
        yield compiled(query)
    for table, row in ROWS:
        yield insert_sql(table, tuple(row._fields))
    yield update_sql()


def test_no_statement_is_foreign_to_sql_server() -> None:
    """No MERGE, no ON CONFLICT, no RETURNING, no FOR UPDATE, no type of the year 2000."""
    for statement in statements():
        for words in FOREIGN:
            assert words not in statement.upper(), statement
        assert not re.search(r"\bDATETIME\b", statement), statement


def test_rows_are_locked_by_a_hint_in_key_order() -> None:
    """FOR UPDATE compiles to nothing there, so the hint says it."""
    text = compiled(LedgerTransaction(DIALECT, 100)._select_partitions)
    assert "FROM partitions WITH (UPDLOCK, ROWLOCK)" in text
    assert text.endswith("ORDER BY partitions.partition_key")


def test_whatever_locks_has_the_hint() -> None:
    """FOR UPDATE stands nowhere in the product without the hint that SQL Server needs."""
    package = Path(ledger_package.__file__).parents[1]
    locking = [
        node
        for module in package.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "with_for_update"
    ]
    assert locking
    for node in locking:
        assert "with_hint(partitions, 'WITH (UPDLOCK, ROWLOCK)', 'mssql')" in ast.unparse(node)


@pytest.mark.parametrize(
    ("query", "length"), [("_select_partitions", 302), ("_select_existing", 100)]
)
def test_many_values_are_one_json_parameter_of_the_columns_type(query: str, length: int) -> None:
    """Cast and collated as the column is: the index is used, and case is not ignored."""
    text = compiled(getattr(LedgerTransaction(DIALECT, 100), query))
    assert f".value AS NVARCHAR({length})) {BIN2}" in text
    assert re.search(r"FROM openjson\(%\((keys|ids)\)s\)", text)
    assert DIALECT.array(['a"b', "ä"]) == '["a\\"b", "ä"]'


@pytest.mark.parametrize(("table", "row"), ROWS, ids=[table.name for table, _row in ROWS])
def test_rows_are_inserted_from_one_json_parameter(table: Table, row: type[Any]) -> None:
    """Every column that the row fills, by its place, with the column's own type."""
    text = insert_sql(table, tuple(row._fields))
    columns = ", ".join(row._fields)
    assert text.startswith(
        f"EXEC sp_executesql N'INSERT INTO {table.name} ({columns}) SELECT {columns} "
        "FROM OPENJSON(@rows) WITH ("
    )
    assert text.endswith("N'@rows NVARCHAR(MAX)', @rows = %s")
    for index, name in enumerate(row._fields):
        assert re.search(rf"\b{name} [A-Z0-9]+(\([\w, ]+\))? ''\$\[{index}\]''", text)


def test_partitions_are_updated_from_one_json_parameter() -> None:
    """Joined by the key, compared code point by code point."""
    text = update_sql()
    assert "UPDATE p SET account_id = v.account_id" in text
    assert "net_quantity NUMERIC(38, 8) ''$[9]''" in text
    assert "updated_at DATETIME2(6)" in text
    assert f"ON p.partition_key = v.partition_key {BIN2}" in text
    assert "partition_key = v.partition_key," not in text


def test_a_row_with_a_missing_value_is_refused() -> None:
    """A row that does not fill its table would be shifted silently."""
    with pytest.raises(ValueError, match="does not fill trades"):
        insert_sql(trades, ("T-1",))


def test_values_are_exact_in_json() -> None:
    """Decimals as text without exponents, times with microseconds, text as it is."""
    moment = datetime(2026, 1, 15, 9, 30, 0, 123456, UTC)
    row = (Decimal("1E+3"), Decimal("0.00000001"), moment, date(2026, 1, 5), None, 7, "ä'%s\n")
    assert json.loads(rows_json([row])) == [
        ["1000", "0.00000001", "2026-01-15T09:30:00.123456", "2026-01-05", None, 7, "ä'%s\n"]
    ]


def test_an_engine_uses_pymssql_and_gives_an_unreachable_server_back() -> None:
    """The URL need not name the driver; what SQLAlchemy makes of its errors is known too."""
    url = f"mssql://sa:x@127.0.0.1:{free_port()}/ledger"
    engine, dialect = make_engine(Settings(database_url=url, connect_seconds=1))
    assert (dialect.name, engine.dialect.driver) == ("mssql", "pymssql")
    with pytest.raises(DBAPIError) as refused:
        engine.connect()
    assert dialect.is_transient(refused.value)


def test_the_drivers_own_connection_properties_are_kept() -> None:
    """`conn_properties` replaces them: each that the installed driver sets is in ours."""
    source = files("pymssql").joinpath("_mssql.pyx").read_text()
    own = re.findall(r"SET [A-Z_]+ \w+", source[source.index("if conn_properties is None") :])
    ours = DIALECT.connection_properties.split(";")
    assert len(own) >= 9
    assert set(own[:9]) <= set(ours)
    assert "SET XACT_ABORT ON" in ours
    assert "SET LOCK_TIMEOUT 4000" in ours


def test_connections_keep_microseconds_and_are_bounded() -> None:
    """datetime2, and a login that does not wait for ever."""
    arguments = DIALECT.connect_arguments(2.6)
    assert arguments == {
        "login_timeout": 3,
        "conn_properties": DIALECT.connection_properties,
        "use_datetime2": True,
        "read_only": False,
    }
