"""The screen: tables and JSON go to standard output, bars and remarks to standard error."""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

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

PIPED_WIDTH = 200  # columns where there is no terminal: a row stays one line for grep


def output() -> Console:
    """Return the console of results."""
    return _console(sys.stdout)


def remarks() -> Console:
    """Return the console of bars and remarks."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    # No markup: an id may hold square brackets.
    return Console(
        file=file,
        width=None if file.isatty() else PIPED_WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
    )


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table; a column whose name ends with `#` holds numbers and is set to the right."""
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        drawn.add_column(
            name.removesuffix("#").strip(),
            justify="right" if name.endswith("#") else "left",
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    return drawn


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)


def age(milliseconds: float) -> str:
    """Return how long ago something was; a clock that ran back shows as no time at all."""
    return f"{max(0.0, milliseconds) / 1000:,.1f} s"


def instant(at: datetime) -> str:
    """Return a moment in UTC, to the second."""
    return at.isoformat(sep=" ", timespec="seconds")


def show_json(value: object) -> None:
    """Print a value as JSON, decimals as text and therefore exact."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--json` to a command."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to standard output."
    )(command)


def bar(*, of_bytes: bool = False) -> Progress:
    """Return a progress bar; it draws nothing where there is no terminal."""
    count = TaskProgressColumn() if of_bytes else MofNCompleteColumn()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        count,
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=remarks(),
        disable=not sys.stderr.isatty(),
    )
