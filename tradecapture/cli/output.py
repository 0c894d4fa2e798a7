"""The screen: tables and JSON go to standard output, bars and remarks to standard error."""

import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
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

ALONE = "\b"  # click's mark of a paragraph whose lines stay as they are
USUAL_CODES = "0 done; 2 wrong use; 3 a server out of reach"


def epilog(*examples: str, codes: str = USUAL_CODES) -> str:
    """Return the text below the options of a command.

    Args:
        examples: command lines.
        codes: what the exit codes mean here, separated by semicolons.
    """
    lines = [f"Exit codes: {codes}.", "", ALONE, "Examples:"]
    return "\n".join(lines + [f"  {example}" for example in examples])


USUAL_DATA = Path("tradecapture-data")  # the default of --data
NAME = "tradecapture"


def next_steps(data: Path) -> str:
    """Return the commands to try in another terminal while `up` runs on a data folder."""
    there = "" if data == USUAL_DATA else f" --data {data}"
    name = _this_command()
    return (
        "In another terminal, from this folder:\n"
        f"  {name} generate --trades 1000 --output trades.ndjson\n"
        f"  {name} submit trades.ndjson --wait{there}\n"
        f"  {name} holdings{there}\n"
        f"  {name} reconcile{there}"
    )


def up_command(data: Path) -> str:
    """Return the command that starts a fleet on a data folder."""
    return f"{_this_command()} up" + ("" if data == USUAL_DATA else f" --data {data}")


def command_line(data: Path, *words: str) -> str:
    """Return the line that runs a command with these words on a data folder, ready to copy."""
    there = () if data == USUAL_DATA else ("--data", str(data))
    return f"{_this_command()} {shlex.join([*words, *there])}"


def _this_command() -> str:
    """Return what to type for this program: its name, or its path where that is not found."""
    called = Path(sys.argv[0])
    if called.name != NAME or shutil.which(NAME):
        return NAME
    here = Path.cwd()
    called = called.absolute()
    return str(called.relative_to(here) if called.is_relative_to(here) else called)


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
