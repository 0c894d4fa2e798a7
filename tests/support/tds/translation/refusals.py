"""Refusals of what PostgreSQL, SQLite or sqlglot know, but SQL Server 2016 does not.

sqlglot accepts much that is foreign to a dialect, so this module looks for it.
"""

import re
from collections.abc import Iterator

from sqlglot import exp

from tests.support.tds.protocol.tokens import SqlError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words and signs of other databases, in the text outside literals and quoted names.
# MERGE is T-SQL, but loses races without HOLDLOCK; the ledger does not use it (design, 5).
_FOREIGN = re.compile(
    r"\bMERGE\b|\bLIMIT\b|\bRETURNING\b|\bON\s+CONFLICT\b|\bFOR\s+(?:UPDATE|SHARE)\b|\|\||::"
    r"|\bIS\s+(?:NOT\s+)?DISTINCT\s+FROM\b|\bILIKE\b|\bTRUE\b|\bFALSE\b|\bNULLS\s+(?:FIRST|LAST)\b"
    r"|\bINTERVAL\b|\bINSERT\s+OR\b|\bREPLACE\s+INTO\b|\bUPSERT\b|\bDO\s+NOTHING\b|\bRECURSIVE\b"
    r"|\bLATERAL\b|\bUNNEST\b|\bARRAY\b|\bFILTER\s*\(|\bUSING\s*\(|\bNATURAL\b|\bBOOLEAN\b"
    r"|\bSERIAL\b|\bAUTOINCREMENT\b|\bPRAGMA\b|\bCREATE\s+(?:OR\s+REPLACE|TABLE\s+IF)\b"
    r"|\bADD\s+COLUMN\b|\bEXCEPT\s+ALL\b|\bINTERSECT\s+ALL\b|\bSIMILAR\s+TO\b|\bGLOB\b|\bVACUUM\b"
    r"|\bBEGIN\s+IMMEDIATE\b|\bCOPY\b|\bQUALIFY\b|->|==|`|\bCURRENT_DATE\b|\bNTEXT\b|\bDATETIME\b",
    re.IGNORECASE,
)
_QUOTED_NAME = re.compile(r"\[[^\]]*\]|\"[^\"]*\"")

# Functions of SQL Server 2016 that the ledger, SQLAlchemy and alembic call, and similar ones.
KNOWN_FUNCTIONS = _words(
    "ABS APPLOCK_MODE "
    "AVG CAST CEILING CHARINDEX COALESCE COL_NAME CONCAT CONVERT COUNT COUNT_BIG DATALENGTH "
    "DATABASEPROPERTYEX "
    "DATEADD DATEDIFF DB_ID DB_NAME DENSE_RANK FIRST_VALUE FLOOR GETDATE GETUTCDATE IIF ISJSON "
    "ISNULL JSON_QUERY JSON_VALUE LAG LAST_VALUE LEAD LEFT LEN LOWER LTRIM MAX MIN NEWID NTILE "
    "NULLIF OBJECT_DEFINITION OBJECT_ID OBJECT_NAME OBJECTPROPERTY OPENJSON RANK REPLACE REVERSE "
    "RIGHT ROUND ROW_NUMBER RTRIM SCHEMA_ID SCHEMA_NAME SCOPE_IDENTITY SERVERPROPERTY SIGN STUFF "
    "SUBSTRING SUM SYSUTCDATETIME TRY_CAST TYPE_NAME UPPER INDEX_COL HAS_DBACCESS"
)
_CALL = re.compile(r"(?<![\w.@\[\"])(?:(\w+)\s+)?(\w+)\s*\(", re.ASCII)
# After these words, a name with a parenthesis is a table, an index or a label.
_NOT_CALLED = _words("INTO TABLE ON AS REFERENCES KEY UPDATE FROM JOIN")
# Words and types that a parenthesis may follow.
_WORDS = _words(
    "AND OR NOT IN EXISTS VALUES OVER WITH AS ON WHERE SELECT TOP BY KEY UNIQUE CHECK DEFAULT FROM "
    "JOIN IDENTITY UNION ALL ANY CASE WHEN THEN ELSE SET HAVING DISTINCT INCLUDE EXEC APPLY "
    "NVARCHAR VARCHAR NCHAR CHAR NUMERIC DECIMAL DATETIME2 DATETIMEOFFSET TIME VARBINARY BINARY "
    "FLOAT"
)


def refusal(text: str, tree: exp.Expr) -> SqlError | None:
    """Return SQL Server's error for a statement; None: SQL Server would run it.

    Args:
        text: the statement, without its literals.
        tree: the statement as parsed by sqlglot.
    """
    bare = _QUOTED_NAME.sub("x", text)
    if foreign := _FOREIGN.search(bare):
        return _syntax(foreign[0])
    return _unknown_function(bare) or next(_wrong_shapes(tree), None)


def _unknown_function(text: str) -> SqlError | None:
    for before, name in _CALL.findall(text):
        called = name.upper()
        if before.upper() in _NOT_CALLED or called in _WORDS or called in KNOWN_FUNCTIONS:
            continue
        return SqlError(195, f"'{name}' is not a recognized built-in function name.", 15)
    return None


def _wrong_shapes(tree: exp.Expr) -> Iterator[SqlError]:
    for node in tree.walk():
        if isinstance(node, exp.Boolean):
            yield SqlError(207, f"Invalid column name '{node.sql()}'.")
        elif isinstance(node, exp.Subquery) and isinstance(node.parent, exp.From | exp.Join):
            if not node.alias:
                yield _syntax(")")  # a derived table has a name
            yield from _nameless(node)
        elif isinstance(node, exp.Tuple) and isinstance(
            node.parent, exp.EQ | exp.NEQ | exp.LT | exp.LTE | exp.GT | exp.GTE | exp.In
        ):
            yield SqlError(4145, "An expression of non-boolean type specified near ','.", 15)
        elif isinstance(node, exp.Group) and any(
            isinstance(by, exp.Literal) for by in node.expressions
        ):
            yield SqlError(164, "Each GROUP BY expression must contain at least one column.", 15)
        elif isinstance(node, exp.Where | exp.Having) and not _is_condition(node.this):
            yield SqlError(4145, "An expression of non-boolean type, no condition.", 15)
        elif isinstance(node, exp.Select):
            yield from _wrong_select(node)
        elif isinstance(node, exp.Offset) and node.parent and not node.parent.args.get("order"):
            yield _syntax("OFFSET")
        elif isinstance(node, exp.Fetch) and node.parent and not node.parent.args.get("offset"):
            yield _syntax("FETCH")


def _wrong_select(select: exp.Select) -> Iterator[SqlError]:
    ordered, limited = select.args.get("order"), select.args.get("limit")
    if ordered and select.parent and not limited and not select.args.get("offset"):
        yield SqlError(
            1033,
            "The ORDER BY clause is invalid in views, inline functions, derived tables, "
            "subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is also "
            "specified.",
            15,
        )
    for column in select.expressions:
        value = column.this if isinstance(column, exp.Alias) else column
        if isinstance(value, exp.Predicate | exp.And | exp.Or | exp.Not) and not isinstance(
            value, exp.SubqueryPredicate
        ):
            # T-SQL has no boolean values; `a = b` alone would name a column a.
            yield _syntax(value.key)


def _nameless(table: exp.Subquery) -> Iterator[SqlError]:
    selected = table.this.expressions if isinstance(table.this, exp.Select) else []
    for number, column in enumerate(selected, 1):
        if not isinstance(column, exp.Alias | exp.Column | exp.Star):
            text = f"No column name was specified for column {number} of '{table.alias}'."
            yield SqlError(8155, text)


def _is_condition(node: exp.Expr) -> bool:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And | exp.Or):
        return _is_condition(node.left) and _is_condition(node.right)
    if isinstance(node, exp.Not):
        return _is_condition(node.this)
    return isinstance(node, exp.Predicate | exp.SubqueryPredicate | exp.Exists | exp.Escape)


def _syntax(near: str) -> SqlError:
    return SqlError(102, f"Incorrect syntax near '{near}'.", 15)
