"""Kinds: the types and collations of T-SQL, as PostgreSQL has them."""

from sqlglot import exp

# SQL Server's own collation of a column for which none is named. It ignores case; the copy of it
# in PostgreSQL does not, but it refuses to be compared with another, as the original does.
DEFAULT_COLLATION = "SQL_Latin1_General_CP1_CI_AS"

TEXT_KINDS = (exp.DType.NVARCHAR, exp.DType.VARCHAR, exp.DType.NCHAR, exp.DType.CHAR)


def kind_of(kind: exp.DataType) -> exp.DataType:
    """Return a type for PostgreSQL; MAX is text of any length."""
    if kind.this in TEXT_KINDS and any(size.name.upper() == "MAX" for size in kind.expressions):
        return exp.DataType.build("text")
    return kind


def collation(name: str) -> exp.Identifier:
    """Return the copy of a collation of SQL Server."""
    return exp.to_identifier(name.lower(), quoted=True)
