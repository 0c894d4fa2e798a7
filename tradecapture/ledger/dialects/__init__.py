"""The dialects: what differs between databases, one module each."""

from tradecapture.ledger.dialects.base import LedgerDialect
from tradecapture.ledger.dialects.mssql import MssqlDialect
from tradecapture.ledger.dialects.postgresql import PostgresqlDialect
from tradecapture.ledger.dialects.sqlite import READ_ONLY, SqliteDialect

DIALECTS: dict[str, type[LedgerDialect]] = {
    dialect.name: dialect for dialect in (PostgresqlDialect, SqliteDialect, MssqlDialect)
}

__all__ = ["DIALECTS", "READ_ONLY", "LedgerDialect"]
