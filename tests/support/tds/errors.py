"""Errors of PostgreSQL, as SQL Server would report them."""

import psycopg

from tests.support.tds.protocol.tokens import SqlError


class RefusedError(Exception):
    """SQL Server would not run the statement."""

    def __init__(self, error: SqlError) -> None:
        super().__init__(error.text)
        self.error = error


class CutError(Exception):
    """The stand-in must cut the connection now."""

    def __init__(self, answer: bytes = b"", *, reset: bool = False) -> None:
        super().__init__("the connection is cut")
        self.answer, self.reset = answer, reset


class StatementError(Exception):
    """A statement failed."""

    def __init__(self, error: SqlError, *, compiling: bool = False) -> None:
        super().__init__(error.text)
        self.error, self.compiling = error, compiling


# SQLSTATE -> number, severity. SQL Server has severity 13 for deadlocks and 14 for rights and keys.
_NUMBERS: dict[str, tuple[int, int]] = {
    "40P01": (1205, 13),
    "55P03": (1222, 16),
    "40001": (3960, 16),
    "23505": (2627, 14),  # 2601 for a unique index that is no constraint, see below
    "23502": (515, 16),
    "23503": (547, 16),
    "23514": (2628, 16),  # the stand-in's own checks are of lengths
    "22001": (2628, 16),
    "22003": (8115, 16),
    "22P02": (245, 16),
    "22007": (241, 16),
    "22008": (241, 16),
    "22012": (8134, 16),
    "22021": (9402, 16),
    "22P05": (9402, 16),  # NUL, which only PostgreSQL cannot store
    "428C9": (544, 16),
    "42601": (102, 15),
    "42703": (207, 16),
    "42702": (209, 16),
    "42P01": (208, 16),
    "42P07": (2714, 16),
    "42P22": (468, 16),
    "42P21": (468, 16),
    "42803": (8120, 16),
    "42804": (206, 16),
    "42883": (402, 16),
    "42501": (229, 14),
    "25006": (3906, 16),
    "3D000": (911, 16),
    "42P04": (1801, 16),
    "55006": (3702, 16),
    "53100": (1105, 17),
    "53200": (701, 17),
}
_TEXTS = {
    1205: (
        "Transaction (Process ID 52) was deadlocked on lock resources with another process and "
        "has been chosen as the deadlock victim. Rerun the transaction."
    ),
    1222: "Lock request time out period exceeded.",
    3960: (
        "Snapshot isolation transaction aborted due to update conflict. You cannot use snapshot "
        "isolation to access the table directly or indirectly in the database to update, delete, "
        "or insert the row that has been modified or deleted by another transaction."
    ),
    3902: "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
    3903: "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
    4060: 'Cannot open database "gone" requested by the login. The login failed.',
    18456: "Login failed for user 'sa'.",
}
_SEVERITIES = {1205: 13, 4060: 11, 18456: 14, 2601: 14, 2627: 14, 40613: 17, 9002: 17, 701: 17}
# Compile errors ignore XACT_ABORT ([SET XACT_ABORT]); these errors always abort the transaction.
ABORTS_ALWAYS = frozenset({1205, 3960})
# PostgreSQL did not understand a translated statement: the statement or the stand-in is wrong.
NOT_UNDERSTOOD = frozenset({50000, 102, 402, 206})


def injected(number: int) -> SqlError:
    """Return an error that a test injects, with SQL Server's text if that matters."""
    return SqlError(number, _TEXTS.get(number, f"Injected error {number}."), severity(number))


def severity(number: int) -> int:
    """Return SQL Server's severity of an error."""
    return _SEVERITIES.get(number, 16)


def to_sql_error(error: psycopg.Error) -> SqlError | None:
    """Return SQL Server's error for one of PostgreSQL; None: the connection is lost."""
    state = error.sqlstate or ""
    if not state or state.startswith(("08", "57P")):
        return None
    number, level = _NUMBERS.get(state, (50000, 16))
    name = error.diag.constraint_name or ""
    text = str(error).strip()
    if number == 2627:
        if name.endswith("_pkey"):
            text = f"Violation of PRIMARY KEY constraint '{name}'. {text}"
        else:
            number = 2601
            text = f"Cannot insert duplicate key row in object with unique index '{name}'. {text}"
    return SqlError(number, _TEXTS.get(number, f"{text} [{state}]"), level)
