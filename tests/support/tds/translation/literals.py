"""Literals are taken out of a batch: its text becomes short and the same for all values."""

import re
from typing import NamedTuple

# The parts of a batch that may contain quotes and semicolons, and the semicolon that ends one.
_PARTS = re.compile(
    r"(?P<string>[Nn]?'(?:[^']++|'')*+')"
    r"|(?P<name>\[(?:[^\]]|\]\])*\]|\"(?:[^\"]|\"\")*\")"
    r"|(?P<comment>--[^\n]*|/\*.*?\*/)"
    r"|(?P<end>;)",
    re.DOTALL,
)
# [Transact-SQL, "Backslash (Line Continuation)"]: SQL Server drops them from a literal.
_CONTINUED_LINE = re.compile(r"\\\r?\n")


class Statement(NamedTuple):
    """One statement of a batch, with @__0, @__1 ... in place of its literals."""

    text: str
    strings: tuple[str, ...]


def split(batch: str) -> list[Statement]:
    """Return a batch's statements, split at the semicolons outside literals.

    Raises:
        ValueError: a literal does not end.
    """
    statements: list[Statement] = []
    text: list[str] = []
    strings: list[str] = []
    start = 0

    def end() -> None:
        statement = "".join(text).strip()
        if statement:
            statements.append(Statement(statement, tuple(strings)))
        text.clear()
        strings.clear()

    for found in _PARTS.finditer(batch):
        between = batch[start : found.start()]
        text.append(between)
        start = found.end()
        if found["string"]:
            text.append(f"@__{len(strings)}")
            value = found["string"][found["string"].index("'") + 1 : -1].replace("''", "'")
            strings.append(_CONTINUED_LINE.sub("", value))
        elif found["name"]:
            text.append(found["name"])
        elif found["end"]:
            end()
    text.append(batch[start:])
    if "'" in batch[start:]:
        raise ValueError("Unclosed quotation mark after the character string.")
    end()
    return statements


def with_strings(statement: Statement) -> str:
    """Return a statement's text with its literals."""
    return re.sub(
        r"@__(\d+)",
        lambda found: quoted(statement.strings[int(found[1])]),
        statement.text,
    )


def quoted(value: str) -> str:
    """Return a string as a literal; neither database treats a backslash specially."""
    return "'" + value.replace("'", "''") + "'"
