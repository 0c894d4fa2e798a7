"""Types and collations of T-SQL, as PostgreSQL has them."""

from sqlglot import exp

# SQL Server's collation of a column that names none. It ignores case. Its copy in PostgreSQL does
# not, but like the original it cannot be compared with another collation.
DEFAULT_COLLATION = "SQL_Latin1_General_CP1_CI_AS"

TEXT_KINDS = (exp.DType.NVARCHAR, exp.DType.VARCHAR, exp.DType.NCHAR, exp.DType.CHAR)


def kind_of(kind: exp.DataType) -> exp.DataType:
    """Return PostgreSQL's type for one of T-SQL; MAX is text of any length."""
    if kind.this in TEXT_KINDS and any(size.name.upper() == "MAX" for size in kind.expressions):
        return exp.DataType.build("text")
    return kind


def collation(name: str) -> exp.Identifier:
    """Return PostgreSQL's copy of a collation of SQL Server."""
    return exp.to_identifier(name.lower(), quoted=True)
