"""Errors of SQL Server: their numbers, and the shapes in which pymssql raises them."""

import re
from collections.abc import Iterator
from typing import Any

# Errors that are no trade's fault, because our statements are the same for every trade.
TRANSIENT_NUMBERS = {
    *(1205, 1211),  # chosen as deadlock victim
    1222,  # lock request time-out
    *(3951, 3957, 3958, 3960, 3961, 3966),  # snapshot conflicts, no room for row versions
    *(3902, 3930, 3998),  # the server has ended the transaction, or lets it only be rolled back
    *(102, 137, 156, 195, 207, 208, 209, 213),  # a table or a column is missing: not upgraded yet
    *(229, 230, 262, 916),  # a right is missing
    *(701, 845, 1204, 8628, 8645, 8651),  # out of memory or locks, or waited too long for them
    *(1101, 1105, 9001, 9002),  # data file full, log full or unavailable
    *(823, 824, 825),  # a disk that fails
    *(3906, 3908, 976, 978, 983),  # read-only database, secondary replica, replica in transition
    *(
        904,
        911,
        922,
        923,
        924,
        927,
        942,
        952,
    ),  # database unavailable, restoring or in transition
    *(596, 6002, 6005, 17142),  # the session is killed, the server is paused or shuts down
    *(4060, 18456),  # database cannot be opened, login failed
    *(10928, 10929, 40143, 40197, 40501, 40540, 40613, 49918, 49919, 49920),  # Azure SQL
}
INTEGRITY_NUMBERS = {
    2601,  # unique index: another capture was first
    2627,  # primary key: another capture was first
}
# DB-Library's own numbers for a lost connection; SQLAlchemy knows only some of them.
DISCONNECT_NUMBERS = {20002, 20003, 20004, 20006, 20009, 20017, 20047}
_IN_TEXT = re.compile(r"(?:^Cannot \w+ transaction: \(|DB-Lib error message )(\d+)")
_TRANSACTION_FAILED = re.compile(r"Cannot (?:commit|begin|start) transaction: ")


def error_numbers(error: BaseException) -> set[int]:
    """Return the numbers in a pymssql error; none for an error of something else.

    Errors have four shapes: execute gives (number, bytes), connect gives ((number, bytes),), commit
    has the number in its text, and MSSQLDatabaseException has it as an attribute.
    """
    if not _is_pymssql_error(error):
        return set()
    numbers = {number for number in _flatten(error.args) if isinstance(number, int)}
    if isinstance(number := getattr(error, "number", None), int):
        numbers.add(number)
    if numbers := numbers - {0}:
        return numbers
    # Only if there is no other number, and only in these places of the text: the text may quote a
    # trade, whose id may be any number.
    message = " ".join(str(part) for part in error.args)
    return {int(digits) for digits in _IN_TEXT.findall(message)}


def is_no_connection(error: BaseException) -> bool:
    """Return whether the connect failed: no statement ran, so no trade can be at fault.

    The number does not tell: pymssql 2.4 may report that of an earlier failed connect of the
    process, because it never clears the worst one (its clr_err).
    """
    if not _is_pymssql_error(error):
        return False
    kind = type(error).__name__
    if kind == "OperationalError":
        return bool(error.args) and isinstance(error.args[0], tuple)  # the shape of connect
    return kind in {"InterfaceError", "MSSQLDriverException"}


def has_no_transaction(error: BaseException) -> bool:
    """Return whether a commit or a begin failed, which leaves the connection without a transaction.

    pymssql begins the next transaction only after a successful commit, and SQLAlchemy rolls nothing
    back after a failed one. Each further statement would commit by itself: half a batch would be
    written, and locks would last for one statement only.
    """
    return _is_pymssql_error(error) and _TRANSACTION_FAILED.match(str(error)) is not None


def _is_pymssql_error(error: BaseException) -> bool:
    # By name: the driver is loaded only if it is used.
    return type(error).__module__.split(".")[0] == "pymssql"


def _flatten(values: Any) -> Iterator[Any]:
    for value in values if isinstance(values, tuple | list) else (values,):
        if isinstance(value, tuple | list):
            yield from _flatten(value)
        else:
            yield value
