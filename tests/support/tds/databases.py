"""Databases of the PostgreSQL behind the stand-in, created and dropped as on SQL Server."""

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

MODEL = "model"  # each new database is a copy of it, as on SQL Server
MASTER = "master"
_CATALOG = Path(__file__).with_name("catalog.sql")
_LOCK = 7433  # an advisory lock: one PostgreSQL may serve several stand-ins


class Databases:
    """All databases of one PostgreSQL server, by the names that clients use."""

    def __init__(self, url: str) -> None:
        """Use the PostgreSQL of a SQLAlchemy URL, which names its superuser."""
        parsed = make_url(url)
        self._arguments: dict[str, Any] = {
            "host": parsed.query.get("host") or parsed.host,
            "user": parsed.username,
            "prepare_threshold": None,
            "autocommit": True,
        }
        self._administrative = parsed.database or "postgres"

    def prepare(self) -> None:
        """Create the model and the master, if this PostgreSQL does not have them yet."""
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
            psycopg.OperationalError: the database does not exist.
        """
        name = database.lower()
        connection = psycopg.connect(dbname=name, **self._arguments)
        # SQL Server's deadlock monitor looks this often once it has found a deadlock.
        connection.execute("SET search_path = dbo, sys")
        connection.execute("SET deadlock_timeout = '100ms'")
        return connection

    def run(self, text: str, current: str, own_process: int) -> None:
        """Run CREATE, ALTER or DROP DATABASE.

        Raises:
            psycopg.Error: PostgreSQL refused.
        """
        with self._administrator() as connection:
            if match := _CREATE.fullmatch(text):
                connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
                self._create(connection, match[1].lower())
            elif match := _DROP.fullmatch(text):
                self._drop(connection, match[2].lower(), if_exists=bool(match[1]))
            elif match := _ALTER.fullmatch(text):
                name = current if match[1].upper() == "CURRENT" else match[1]
                self._alter(connection, name.lower(), match[2].strip(), own_process)
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
        if match := _SNAPSHOT.fullmatch(setting):
            statement = sql.SQL("ALTER DATABASE {} SET tds.read_committed_snapshot = {}")
            connection.execute(statement.format(sql.Identifier(name), match[1].lower()))
        elif _SINGLE.fullmatch(setting):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s AND pid <> %s",
                [name, own_process],
            )
        else:
            raise psycopg.errors.SyntaxError(f"the stand-in does not know: SET {setting}")
