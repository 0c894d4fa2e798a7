"""A stand-in for SQL Server: it speaks TDS to the real driver and runs T-SQL on a PostgreSQL.

Tests on it show that the driver, the types on the wire, parameters, errors, lost connections and
retries work, and that every statement is T-SQL. They do not show that SQL Server plans well, locks
like PostgreSQL, or is fast.
"""

from tests.support.tds.server import TdsServer

__all__ = ["TdsServer"]
