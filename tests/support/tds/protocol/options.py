"""Session options, which clients change with SET."""

import re

from tests.support.tds.errors import StatementError
from tests.support.tds.protocol.tokens import SqlError

# The options that clients set, and the only ones that the stand-in accepts. It applies the first
# two and TRANSACTION.
_NAMES = frozenset(
    {
        "XACT_ABORT",
        "LOCK_TIMEOUT",
        "ARITHABORT",
        "CONCAT_NULL_YIELDS_NULL",
        "ANSI_NULLS",
        "ANSI_NULL_DFLT_ON",
        "ANSI_PADDING",
        "ANSI_WARNINGS",
        "CURSOR_CLOSE_ON_COMMIT",
        "QUOTED_IDENTIFIER",
        "TEXTSIZE",
        "NOCOUNT",
        "TRANSACTION",
    }
)
_LEVELS = {
    "READ COMMITTED": "READ COMMITTED",
    "READ UNCOMMITTED": "READ COMMITTED",
    "REPEATABLE READ": "REPEATABLE READ",
    "SNAPSHOT": "REPEATABLE READ",
    "SERIALIZABLE": "SERIALIZABLE",
}
_ISOLATION = re.compile(r"ISOLATION\s+LEVEL\s+(.+)", re.IGNORECASE)


class Options:
    """The options of one session."""

    def __init__(self) -> None:
        self.aborts_all = False  # XACT_ABORT
        self.lock_timeout_ms = 0  # PostgreSQL's value: 0 waits forever
        self._level = "READ COMMITTED"

    @property
    def level(self) -> str:
        """PostgreSQL's name of the isolation level of new transactions."""
        return _LEVELS[self._level]

    def set(self, option: str, value: str) -> None:
        """Apply a SET.

        Raises:
            StatementError: the option does not exist.
        """
        if option not in _NAMES:
            text = f"'{option}' is not a recognized SET option."
            raise StatementError(SqlError(195, text, 15), compiling=True)
        if option == "XACT_ABORT":
            self.aborts_all = value == "ON"
        elif option == "LOCK_TIMEOUT":
            # SQL Server waits forever at -1, and not at all at 0.
            self.lock_timeout_ms = 0 if int(value) < 0 else max(1, int(value))
        elif option == "TRANSACTION":
            level = _ISOLATION.fullmatch(value)
            if level is None or level[1] not in _LEVELS:
                raise StatementError(SqlError(102, f"SET TRANSACTION {value}", 15), compiling=True)
            self._level = level[1]
