"""What a command prints: results to standard output, messages and bars to standard error."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TextIO

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

PIPED_WIDTH = 200  # columns if the output is no terminal, so that a row stays one line for grep


def output() -> Console:
    """Return the console of results, on standard output."""
    return _console(sys.stdout)


def messages() -> Console:
    """Return the console of messages and progress bars, on standard error."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    # No markup: an id may contain square brackets.
    return Console(
        file=file,
        width=None if file.isatty() else PIPED_WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
    )


def show_json(value: object) -> None:
    """Print a value as JSON. Decimals are printed as text, which keeps them exact."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table.

    Args:
        title: printed above it.
        columns: their names. A name that ends with `#` means numbers, which are right-aligned.
        rows: a cell for each column; None is an empty cell.
    """
    result = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        result.add_column(
            name.removesuffix("#").strip(),
            justify="right" if name.endswith("#") else "left",
            overflow="fold",
        )
    for row in rows:
        result.add_row(*(_format_cell(value) for value in row))
    return result


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)


def format_age(milliseconds: float) -> str:
    """Return an age in seconds; a negative one, of a clock that was set back, is shown as 0."""
    return f"{max(0.0, milliseconds) / 1000:,.1f} s"


def format_instant(at: datetime) -> str:
    """Return a moment in UTC, to the second."""
    return at.isoformat(sep=" ", timespec="seconds")


def progress_bar(*, of_bytes: bool = False) -> Progress:
    """Return a progress bar; it draws nothing if standard error is no terminal."""
    count = TaskProgressColumn() if of_bytes else MofNCompleteColumn()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        count,
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=messages(),
        disable=not sys.stderr.isatty(),
    )
