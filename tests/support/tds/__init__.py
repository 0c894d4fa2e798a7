"""A stand-in for SQL Server: it speaks TDS to the real driver and runs T-SQL on a PostgreSQL.

It shows that the driver, the types on the wire, parameters, the shapes of errors, lost connections
and retries work, and that no statement is foreign to T-SQL. It does not show that SQL Server plans
well, locks as PostgreSQL does, or is fast.
"""

from tests.support.tds.server import TdsServer

__all__ = ["TdsServer"]
