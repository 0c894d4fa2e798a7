"""Column types that mean the same on every database: exact decimals, UTC times, exact keys."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, DateTime, Dialect, Numeric, String, UnicodeText
from sqlalchemy.dialects.mssql import DATE, DATETIME2, NVARCHAR
from sqlalchemy.types import TypeDecorator, TypeEngine

# Both compare code point by code point. The usual collations of SQL Server ignore case, which would
# make two trades one. PostgreSQL compares plain bytes faster than text of a locale.
MSSQL_COLLATION = "Latin1_General_100_BIN2"
POSTGRESQL_COLLATION = "C"

# Without a connection SQLAlchemy assumes SQL Server 2005. `db upgrade --sql` would then print NTEXT
# and DATETIME, and how DATETIME reads 2026-01-02 depends on the session's language.
LONG_TEXT = UnicodeText().with_variant(NVARCHAR(), "mssql")
DAY = Date().with_variant(DATE(), "mssql")


def key(length: int) -> TypeEngine[str]:
    """Return the type of a key column: text that is compared exactly.

    Args:
        length: characters, at most.
    """
    return (
        String(length)
        .with_variant(String(length, collation=POSTGRESQL_COLLATION), "postgresql")
        .with_variant(NVARCHAR(length, collation=MSSQL_COLLATION), "mssql")
    )


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal of 38 digits, 8 of them decimals; text on SQLite, which has no such type."""

    impl = Numeric(38, 8)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return text on SQLite, which would store a binary float."""
        return dialect.type_descriptor(String(40) if dialect.name == "sqlite" else Numeric(38, 8))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Convert to text if the column is text."""
        return format(value, "f") if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Convert from text if the column is text."""
        return None if value is None else Decimal(value)


class UtcTimestamp(TypeDecorator[datetime]):
    """A time in UTC with microseconds: aware in Python, naive in columns without a time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return datetime2(6) on SQL Server, whose datetime rounds to 3 ms."""
        if dialect.name == "mssql":
            return dialect.type_descriptor(DATETIME2(precision=6))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Remove the time zone if the column has none."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Add the time zone again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
