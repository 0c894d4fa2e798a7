"""Databases: those of the PostgreSQL behind, made and dropped as SQL Server's are."""

import re
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

_CREATE = re.compile(r"CREATE\s+DATABASE\s+\[?(\w+)\]?", re.IGNORECASE)
_DROP = re.compile(r"DROP\s+DATABASE\s+(IF\s+EXISTS\s+)?\[?(\w+)\]?", re.IGNORECASE)
_ALTER = re.compile(r"ALTER\s+DATABASE\s+\[?(\w+)\]?\s+SET\s+(.+)", re.IGNORECASE | re.DOTALL)
_SNAPSHOT = re.compile(
    r"READ_COMMITTED_SNAPSHOT\s+(ON|OFF)(\s+WITH\s+ROLLBACK\s+IMMEDIATE)?", re.IGNORECASE
)
_SINGLE = re.compile(r"(SINGLE|MULTI)_USER(\s+WITH\s+ROLLBACK\s+IMMEDIATE)?", re.IGNORECASE)

MODEL = "model"  # what each new database is a copy of, as in SQL Server
MASTER = "master"
_CATALOG = Path(__file__).with_name("catalog.sql")
_LOCK = 7433  # of advisory locks: several servers may stand before one PostgreSQL


class Databases:
    """All databases of one PostgreSQL server, by the names that the clients give."""

    def __init__(self, url: str) -> None:
        """Find a PostgreSQL; the URL is one of SQLAlchemy, of its superuser."""
        parsed = make_url(url)
        self._arguments: dict[str, Any] = {
            "host": parsed.query.get("host") or parsed.host,
            "user": parsed.username,
            "prepare_threshold": None,
            "autocommit": True,
        }
        self._administrative = parsed.database or "postgres"

    def prepare(self) -> None:
        """Make the model and the master, if this PostgreSQL has none yet."""
        with self._administrator() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'model'").fetchone():
                return
            connection.execute("CREATE DATABASE model TEMPLATE template0 ENCODING 'UTF8'")
            with psycopg.connect(dbname=MODEL, **self._arguments) as model:
                model.execute(_CATALOG.read_bytes())
            self._create(connection, MASTER)

    def connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        """Return a connection to a database.

        Raises:
            psycopg.OperationalError: there is none of this name.
        """
        name = database.lower()
        connection = psycopg.connect(dbname=name, **self._arguments)
        # A deadlock is found as soon as SQL Server's monitor would find it when it is awake.
        connection.execute("SET search_path = dbo, sys")
        connection.execute("SET deadlock_timeout = '100ms'")
        return connection

    def run(self, text: str, current: str, own_process: int) -> None:
        """Run CREATE, ALTER or DROP DATABASE.

        Raises:
            psycopg.Error: PostgreSQL refused.
        """
        with self._administrator() as connection:
            if found := _CREATE.fullmatch(text):
                connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
                self._create(connection, found[1].lower())
            elif found := _DROP.fullmatch(text):
                self._drop(connection, found[2].lower(), if_exists=bool(found[1]))
            elif found := _ALTER.fullmatch(text):
                name = current if found[1].upper() == "CURRENT" else found[1]
                self._alter(connection, name.lower(), found[2].strip(), own_process)
            else:
                raise psycopg.errors.SyntaxError(f"the stand-in does not know: {text}")

    def _administrator(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(dbname=self._administrative, **self._arguments)

    @staticmethod
    def _create(connection: "psycopg.Connection[Any]", name: str) -> None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE model").format(sql.Identifier(name))
        )

    @staticmethod
    def _drop(connection: "psycopg.Connection[Any]", name: str, *, if_exists: bool) -> None:
        condition = sql.SQL("IF EXISTS " if if_exists else "")
        statement = sql.SQL("DROP DATABASE {}{}")
        connection.execute(statement.format(condition, sql.Identifier(name)))

    @staticmethod
    def _alter(
        connection: "psycopg.Connection[Any]", name: str, setting: str, own_process: int
    ) -> None:
        if found := _SNAPSHOT.fullmatch(setting):
            statement = sql.SQL("ALTER DATABASE {} SET tds.read_committed_snapshot = {}")
            connection.execute(statement.format(sql.Identifier(name), found[1].lower()))
        elif _SINGLE.fullmatch(setting):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s AND pid <> %s",
                [name, own_process],
            )
        else:
            raise psycopg.errors.SyntaxError(f"the stand-in does not know: SET {setting}")
