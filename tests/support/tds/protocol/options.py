"""Options: what a session was told with SET."""

import re

from tests.support.tds.errors import StatementError
from tests.support.tds.protocol.tokens import SqlError

# The options that clients set; the stand-in heeds only the first two, and knows no others.
_KNOWN = frozenset(
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
        self.lock_timeout_ms = 0  # as PostgreSQL has it: 0 is for ever
        self._level = "READ COMMITTED"

    @property
    def level(self) -> str:
        """The isolation of new transactions, as PostgreSQL calls it."""
        return _LEVELS[self._level]

    def set(self, option: str, value: str) -> None:
        """Heed SET.

        Raises:
            StatementError: there is no such option.
        """
        if option not in _KNOWN:
            text = f"'{option}' is not a recognized SET option."
            raise StatementError(SqlError(195, text, 15), compiling=True)
        if option == "XACT_ABORT":
            self.aborts_all = value == "ON"
        elif option == "LOCK_TIMEOUT":
            # -1 is SQL Server's for ever; its 0 is not to wait at all.
            self.lock_timeout_ms = 0 if int(value) < 0 else max(1, int(value))
        elif option == "TRANSACTION":
            level = _ISOLATION.fullmatch(value)
            if level is None or level[1] not in _LEVELS:
                raise StatementError(SqlError(102, f"SET TRANSACTION {value}", 15), compiling=True)
            self._level = level[1]
