"""Translation of a statement by itself, or in a call of sp_executesql with parameters."""

import re

from tests.support.tds.errors import RefusedError
from tests.support.tds.protocol.tokens import SqlError
from tests.support.tds.translation.literals import Statement, with_strings
from tests.support.tds.translation.translation import Translated, translate

_DEFINITION = re.compile(r"(CREATE|ALTER|DROP|TRUNCATE)\b", re.IGNORECASE)
_EXECUTE = re.compile(
    r"EXEC(?:UTE)?\s+(?:sys\.)?sp_executesql\s+@__0\s*(?:,\s*@__1((?:\s*,\s*@\w+\s*=\s*@__\d+)+))?",
    re.IGNORECASE,
)
# Alembic's statement that drops the default of a column without knowing the default's name.
_DROP_DEFAULT = re.compile(
    r"declare @const_name varchar\(256\)\s+select @const_name = QUOTENAME\(\[name\]\) "
    r"from sys\.default_constraints\s+where parent_object_id = object_id\(@__0\)\s+"
    r"and col_name\(parent_object_id, parent_column_id\) = @__1\s+exec\(@__2 \+ @const_name\)",
    re.IGNORECASE,
)
_ARGUMENT = re.compile(r"@(\w+)\s*=\s*@__(\d+)")
_DECLARED = re.compile(r"@(\w+)\s+\w+")


def is_call(statement: Statement) -> bool:
    """Return whether a statement is a call of sp_executesql."""
    return _EXECUTE.fullmatch(statement.text) is not None


def translate_statement(statement: Statement) -> tuple[Translated, dict[str, str | None]]:
    """Return a statement for PostgreSQL, and the values of its parameters.

    Raises:
        RefusedError: SQL Server would refuse it.
    """
    if called := _EXECUTE.fullmatch(statement.text):
        arguments = {
            name.lower(): statement.strings[int(index)]
            for name, index in _ARGUMENT.findall(called[1] or "")
        }
        declared = statement.strings[1] if len(statement.strings) > 1 else ""
        names = {name.lower() for name in _DECLARED.findall(declared)}
        if names != arguments.keys():
            text = f"The parameterized query expects {names}, which was not supplied."
            raise RefusedError(SqlError(8178, text))
        return translate(statement.strings[0]), dict(arguments)
    if _DROP_DEFAULT.fullmatch(statement.text):
        table, column, _alter = statement.strings
        alter = f'ALTER TABLE "{table}" ALTER COLUMN "{column}" DROP DEFAULT'
        return Translated("alter", alter), {}
    if _DEFINITION.match(statement.text):
        return translate(with_strings(statement)), {}
    return translate(statement.text), {
        f"__{index}": value for index, value in enumerate(statement.strings)
    }
