"""Column types that mean the same everywhere: exact decimals, UTC instants, exact keys."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, DateTime, Dialect, Numeric, String, UnicodeText
from sqlalchemy.dialects.mssql import DATE, DATETIME2, NVARCHAR
from sqlalchemy.types import TypeDecorator, TypeEngine

# Compares code point by code point. The usual SQL Server collations ignore case, which would make
# one trade of two; PostgreSQL's locales are slower to compare by than plain bytes.
MSSQL_COLLATION = "Latin1_General_100_BIN2"
POSTGRESQL_COLLATION = "C"

# Without a connection SQLAlchemy assumes a SQL Server of 2005, and would write NTEXT and DATETIME
# (whose reading of 2026-01-02 depends on the session's language) into the SQL made beforehand.
LONG_TEXT = UnicodeText().with_variant(NVARCHAR(), "mssql")
DAY = Date().with_variant(DATE(), "mssql")


def key(length: int) -> TypeEngine[str]:
    """Return the type of a key column: text that is compared exactly."""
    return (
        String(length)
        .with_variant(String(length, collation=POSTGRESQL_COLLATION), "postgresql")
        .with_variant(NVARCHAR(length, collation=MSSQL_COLLATION), "mssql")
    )


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal of 38 digits with 8 decimals. SQLite has no such type, so it is text there."""

    impl = Numeric(38, 8)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return text on SQLite, which would make a binary float of it."""
        return dialect.type_descriptor(String(40) if dialect.name == "sqlite" else Numeric(38, 8))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write text where the column is text."""
        return format(value, "f") if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Read text where the column is text."""
        return None if value is None else Decimal(value)


class UtcTimestamp(TypeDecorator[datetime]):
    """An instant in UTC with microseconds; aware in Python, naive where columns have no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return datetime2(6) on SQL Server: its datetime rounds to 3 ms."""
        if dialect.name == "mssql":
            return dialect.type_descriptor(DATETIME2(precision=6))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Drop the zone where the column has none."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
