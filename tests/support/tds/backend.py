"""The backend: a session's connection to PostgreSQL, and what its transaction has come to."""

from typing import Any

import psycopg

from tests.support.tds.databases import Databases
from tests.support.tds.errors import ABORTS_ALWAYS, CutError, StatementError, told
from tests.support.tds.protocol.options import Options
from tests.support.tds.protocol.tokens import SqlError


class Backend:
    """One connection; its transactions are undone as far as SQL Server would undo them."""

    def __init__(self, databases: Databases, database: str) -> None:
        self.database, self.options = database, Options()
        self.depth = 0  # @@TRANCOUNT
        self._databases = databases
        self._connection = databases.connect(database)
        self._begun = False  # in PostgreSQL: with the first statement, as nothing happens before

    def close(self) -> None:
        """Roll back what is open, and end."""
        self._connection.close()

    def set(self, option: str, value: str) -> None:
        """Heed SET.

        Raises:
            StatementError: there is no such option.
        """
        self.options.set(option, value)
        if option == "LOCK_TIMEOUT":
            self._set_lock_timeout()

    def use(self, database: str) -> None:
        """Go on in another database.

        Raises:
            StatementError: there is none of this name, or a transaction is open.
        """
        if database.lower() == self.database.lower():
            return
        if self._begun:
            raise StatementError(SqlError(226, "USE in a transaction: not known here"))
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
            raise StatementError(told(error) or SqlError(50000, str(error))) from error

    def commit(self) -> None:
        """End one level of the transaction; on disk with the last."""
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
            CutError: PostgreSQL has gone.
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
            problem = told(error)
            if problem is None:
                raise CutError from error
            if guarded and problem.number not in ABORTS_ALWAYS:
                self._connection.execute("ROLLBACK TO SAVEPOINT statement")
            else:
                self.abort()
            raise StatementError(problem) from error

    def _set_lock_timeout(self) -> None:
        self._connection.execute(f"SET lock_timeout = {self.options.lock_timeout_ms}".encode())
