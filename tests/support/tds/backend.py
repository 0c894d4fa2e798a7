"""The backend: a session's connection to PostgreSQL, and the state of its transaction."""

from typing import Any

import psycopg

from tests.support.tds.databases import Databases
from tests.support.tds.errors import ABORTS_ALWAYS, CutError, StatementError, to_sql_error
from tests.support.tds.protocol.options import Options
from tests.support.tds.protocol.tokens import SqlError


class Backend:
    """One connection, whose errors undo as much of a transaction as SQL Server would."""

    def __init__(self, databases: Databases, database: str) -> None:
        self.database, self.options = database, Options()
        self.depth = 0  # @@TRANCOUNT
        self._databases = databases
        self._connection = databases.connect(database)
        self._begun = False  # in PostgreSQL: at the first statement

    def close(self) -> None:
        """Roll back an open transaction and close the connection."""
        self._connection.close()

    def set(self, option: str, value: str) -> None:
        """Apply a SET.

        Raises:
            StatementError: the option does not exist.
        """
        self.options.set(option, value)
        if option == "LOCK_TIMEOUT":
            self._set_lock_timeout()

    def use(self, database: str) -> None:
        """Switch to another database.

        Raises:
            StatementError: the database does not exist, or a transaction is open.
        """
        if database.lower() == self.database.lower():
            return
        if self._begun:
            raise StatementError(SqlError(226, "The stand-in does not know USE in a transaction"))
        try:
            connection = self._databases.connect(database)
        except psycopg.OperationalError as error:
            text = f"Database '{database}' does not exist: {error}"
            raise StatementError(SqlError(911, text), compiling=True) from error
        self._connection.close()
        self._connection, self.database = connection, database
        self._set_lock_timeout()

    def run_on_databases(self, text: str) -> None:
        """Run CREATE, ALTER or DROP DATABASE.

        Raises:
            StatementError: PostgreSQL refused, or a transaction is open.
        """
        if self.depth:
            text = "CREATE, ALTER or DROP DATABASE not allowed in a transaction."
            raise StatementError(SqlError(226, text))
        try:
            self._databases.run(text, self.database, self._connection.info.backend_pid)
        except psycopg.Error as error:
            raise StatementError(to_sql_error(error) or SqlError(50000, str(error))) from error

    def commit(self) -> None:
        """End one level of the transaction; the last one commits."""
        if self.depth == 1 and self._begun:
            self.run("COMMIT")
            self._begun = False
        self.depth -= 1

    def abort(self) -> None:
        """Undo the whole transaction."""
        if self._begun:
            try:
                self._connection.execute("ROLLBACK")
            except psycopg.Error as error:
                raise CutError from error
        self._begun, self.depth = False, 0

    def run(self, query: str) -> "psycopg.Cursor[tuple[Any, ...]]":
        """Run a statement; on an error undo as much as SQL Server would.

        Raises:
            StatementError: PostgreSQL refused.
            CutError: the connection to PostgreSQL is lost.
        """
        guarded = self.depth > 0 and not self.options.aborts_all and query != "COMMIT"
        try:
            if self.depth and not self._begun:
                self._connection.execute(f"BEGIN ISOLATION LEVEL {self.options.level}".encode())
                self._begun = True
            if guarded:
                self._connection.execute("SAVEPOINT statement")
            return self._connection.execute(query.encode())
        except psycopg.Error as error:
            problem = to_sql_error(error)
            if problem is None:
                raise CutError from error
            if guarded and problem.number not in ABORTS_ALWAYS:
                self._connection.execute("ROLLBACK TO SAVEPOINT statement")
            else:
                self.abort()
            raise StatementError(problem) from error

    def _set_lock_timeout(self) -> None:
        self._connection.execute(f"SET lock_timeout = {self.options.lock_timeout_ms}".encode())
