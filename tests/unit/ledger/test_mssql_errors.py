"""The errors of SQL Server in the shapes in which pymssql raises them, judged by their numbers."""

import pymssql
import pytest
from pymssql import _mssql
from sqlalchemy.exc import DBAPIError

from tradecapture.ledger.dialects.mssql import MssqlDialect
from tradecapture.ledger.dialects.mssql.errors import (
    error_numbers,
    has_no_transaction,
    is_no_connection,
)
from tradecapture.local.servers.ports import free_port

DIALECT = MssqlDialect(lease_seconds=5)
DEADLOCK = (1205, b"Transaction was deadlocked on lock resources")

# As pymssql 2.4 makes them: execute, connect, commit, and the unwrapped one of executemany.
SHAPES = {
    "execute": pymssql.OperationalError(*DEADLOCK),
    "connect": pymssql.OperationalError(DEADLOCK),
    "commit": pymssql.OperationalError(f"Cannot commit transaction: {DEADLOCK}"),
    "executemany": _mssql.MSSQLDatabaseException(DEADLOCK),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_deadlock_is_known_in_every_shape(shape: str) -> None:
    """Raw, and wrapped by SQLAlchemy."""
    error = SHAPES[shape]
    assert error_numbers(error) == {1205}
    assert DIALECT.is_transient(error)
    assert DIALECT.is_transient(DBAPIError("EXEC", {}, error))
    assert not DIALECT.is_integrity_error(error)


@pytest.mark.parametrize("number", [2601, 2627])
def test_a_key_given_twice_is_retried_and_known(number: int) -> None:
    """Another capture was first: the next attempt reads what it wrote."""
    for error in (
        pymssql.IntegrityError(number, b"Violation of PRIMARY KEY"),
        _mssql.MSSQLDatabaseException((number, b"Violation of PRIMARY KEY")),
    ):
        assert DIALECT.is_integrity_error(error)
        assert DIALECT.is_transient(DBAPIError("EXEC", {}, error))


@pytest.mark.parametrize("number", [1222, 3960, 20002, 20004, 20047, 208, 3906, 9002, 40613])
def test_what_is_no_trades_fault_is_retried(number: int) -> None:
    """Time-outs, lost connections, full disks, missing tables, replicas."""
    assert DIALECT.is_transient(pymssql.OperationalError(number, b"text"))


@pytest.mark.parametrize(
    "error",
    [
        pymssql.OperationalError(8152, b"String or binary data would be truncated"),
        pymssql.OperationalError(2628, b"Truncated value: 'T-1205 20003'"),
        pymssql.DataError(8115, b"Arithmetic overflow"),
        ValueError("invalid character (byte 1205)"),
    ],
)
def test_a_trades_fault_is_not_retried(error: Exception) -> None:
    """Not even if the text quotes a trade whose id is the number of a deadlock."""
    assert not DIALECT.is_transient(error)
    assert not DIALECT.is_transient(DBAPIError("EXEC", {}, error))


def test_a_real_refused_connection_is_known() -> None:
    """The driver's own error, from a port at which nobody listens: by its shape.

    Its number is that of the worst failed connect of the process so far (`is_no_connection`).
    """
    with pytest.raises(pymssql.OperationalError) as refused:
        pymssql.connect(server="127.0.0.1", port=str(free_port()), login_timeout=1)
    assert is_no_connection(refused.value)
    assert error_numbers(refused.value)
    assert DIALECT.is_transient(refused.value)


@pytest.mark.parametrize(
    ("error", "without"),
    [
        (SHAPES["commit"], True),
        (pymssql.OperationalError("Cannot begin transaction: (20047, b'dead')"), True),
        (SHAPES["execute"], False),
        (pymssql.OperationalError(2628, b"Truncated: 'Cannot commit transaction: '"), False),
        (ValueError("Cannot commit transaction: of somebody else"), False),
    ],
)
def test_a_connection_without_a_transaction_is_known(error: Exception, *, without: bool) -> None:
    """Its commit or the begin after it has failed; a text that a trade brought does not count."""
    assert has_no_transaction(error) == without
