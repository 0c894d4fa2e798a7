"""SQL Server through pymssql: everything that is special to it."""

from tradecapture.ledger.dialects.mssql.dialect import MssqlDialect

__all__ = ["MssqlDialect"]
