"""The stand-in refuses what SQL Server would refuse, so that passing on it means something."""

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from tests.support.ledger.ledger_snapshot import capture, waiting_trades
from tests.support.tds import TdsServer
from tradecapture.ledger import Ledger
from tradecapture.ledger.dialects.mssql.errors import error_numbers

FOREIGN = [
    "MERGE INTO trades AS t USING trades AS s ON t.trade_id = s.trade_id WHEN MATCHED THEN DELETE;",
    "SELECT trade_id FROM trades LIMIT 1",
    "SELECT trade_id FROM trades FETCH FIRST 1 ROWS ONLY",
    "SELECT trade_id FROM trades OFFSET 1 ROWS",
    "INSERT INTO audit (who) VALUES ('x') RETURNING event_id",
    "DELETE FROM audit RETURNING who",
    "INSERT INTO audit (who) VALUES ('x') ON CONFLICT DO NOTHING",
    "INSERT OR IGNORE INTO audit (who) VALUES ('x')",
    "REPLACE INTO audit (who) VALUES ('x')",
    "SELECT trade_id FROM trades FOR UPDATE",
    "SELECT trade_id FROM trades FOR UPDATE SKIP LOCKED",
    "SELECT trade_id FROM trades WHERE TRUE",
    "SELECT trade_id FROM trades WHERE position = FALSE",
    "SELECT trade_id = 'x' AS found FROM trades",
    "SELECT trade_id FROM trades WHERE position",
    "SELECT trade_id || 'x' FROM trades",
    "SELECT position::text FROM trades",
    "SELECT trade_id FROM trades WHERE trade_id ILIKE 'x'",
    "SELECT trade_id FROM trades WHERE (trade_id, position) IN (('x', 1))",
    "SELECT trade_id FROM trades WHERE trade_id IS DISTINCT FROM 'x'",
    "SELECT trade_id FROM trades WHERE trade_id = ANY(ARRAY['x'])",
    "SELECT trade_id FROM trades ORDER BY position NULLS LAST",
    "SELECT trade_id FROM trades WHERE captured_at > NOW()",
    "SELECT trade_id FROM trades WHERE captured_at > CURRENT_DATE - INTERVAL '1 day'",
    "SELECT GREATEST(position, 1) FROM trades",
    "SELECT LENGTH(trade_id) FROM trades",
    "SELECT string_agg(trade_id, ',') FROM trades",
    "SELECT count(*) FILTER (WHERE position > 1) FROM trades",
    "SELECT * FROM (SELECT trade_id FROM trades)",
    "SELECT * FROM (SELECT count(*) FROM trades) AS t",
    "SELECT * FROM (SELECT trade_id FROM trades ORDER BY position) AS t",
    "SELECT value FROM json_each('[1]')",
    "SELECT * FROM unnest('{1}') AS t",
    "WITH RECURSIVE t AS (SELECT 1 AS n) SELECT n FROM t",
    "SELECT t.trade_id FROM trades AS t JOIN trades AS s USING (trade_id)",
    "SELECT `trade_id` FROM trades",
    "CREATE TABLE IF NOT EXISTS other (id INT)",
    "CREATE TABLE other (id BOOLEAN)",
    "CREATE TABLE other (id SERIAL)",
    "CREATE TABLE other (note NTEXT, at DATETIME)",
    "ALTER TABLE audit ADD COLUMN more INT",
    "PRAGMA synchronous",
    "SHOW lock_timeout",
    "SET lock_timeout = '4s'",
    "BEGIN IMMEDIATE",
    "SELECT nothing FROM trades",
    "SELECT trade_id FROM nowhere",
]


@pytest.mark.parametrize("statement", FOREIGN)
def test_what_is_foreign_to_sql_server_is_refused(
    server: TdsServer, engine: Engine, statement: str
) -> None:
    """MERGE with its race, upserts, RETURNING, LIMIT, booleans, functions, types, settings."""
    with engine.connect() as connection, pytest.raises(DBAPIError) as refused:
        connection.exec_driver_sql(statement.replace("%", "%%"))
    assert error_numbers(refused.value.orig or refused.value)


GOOD = [
    "SELECT TOP 1 trade_id FROM trades ORDER BY position",
    "SELECT trade_id FROM trades ORDER BY position OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY",
    "SELECT trade_id FROM trades WITH (UPDLOCK, ROWLOCK) WHERE trade_id = N'FOR UPDATE LIMIT 1'",
    "SELECT CASE WHEN trade_id = 'x' THEN 1 ELSE 0 END AS found FROM trades",
    "SELECT [limit] FROM (SELECT count(*) AS [limit] FROM trades) AS t",
    "DELETE FROM trades WHERE NOT EXISTS (SELECT 1 FROM partitions)",
    "SELECT value FROM OPENJSON('[\"a\"]')",
    "SELECT COUNT(*) FROM trades -- RETURNING",
]


@pytest.mark.parametrize("statement", GOOD)
def test_what_sql_server_knows_is_run(server: TdsServer, engine: Engine, statement: str) -> None:
    """Its own words for the same things, and foreign words in literals, names and comments."""
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert server.journal.refusals == []


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("'a0' LIKE 'a[0-9]'", True),
        ("'a[0]' LIKE 'a[0]'", False),
        ("'a[0]' LIKE 'a/[0]' ESCAPE '/'", True),
        ("'a(b)+c' LIKE '%(_)+%'", True),
        (r"'a\b' LIKE 'a\_'", True),
        ("'a%b' LIKE 'a/%b' ESCAPE '/'", True),
        ("'axb' LIKE 'a/%b' ESCAPE '/'", False),
    ],
)
def test_like_has_the_wildcards_of_sql_server(
    engine: Engine, condition: str, *, holds: bool
) -> None:
    """Brackets are one, which other databases do not have; a backslash is none."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            f"SELECT 1 AS found WHERE {condition}".replace("%", "%%")
        )
        assert bool(found.all()) == holds


def test_a_refusal_is_noted_with_its_statement(server: TdsServer, engine: Engine) -> None:
    """So that one that the product swallows is found at the end of a run."""
    with engine.connect() as connection, pytest.raises(DBAPIError):
        connection.exec_driver_sql("SELECT 1 LIMIT 1")
    ((why, statement),) = server.journal.refusals
    assert "LIMIT" in why
    assert statement == "SELECT 1 LIMIT 1"


def test_collations_that_differ_are_not_compared(ledger: Ledger) -> None:
    """As there: what OPENJSON gives has a collation of its own, and a key has ours."""
    capture(ledger, *waiting_trades(1))
    with ledger.engine.connect() as connection, pytest.raises(DBAPIError) as refused:
        connection.exec_driver_sql(
            "SELECT 1 FROM trades WHERE trade_id IN (SELECT value FROM OPENJSON('[\"a\"]'))"
        )
    assert error_numbers(refused.value.orig or refused.value) == {468}
