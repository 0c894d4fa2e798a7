"""SQL Server through pymssql: all that is special about it stands in this folder."""

from tradecapture.ledger.dialects.mssql.dialect import MssqlDialect

__all__ = ["MssqlDialect"]
