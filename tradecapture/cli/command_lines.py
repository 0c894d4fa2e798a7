"""Command lines that the user can copy: they name this program and the data folder."""

import shlex
import shutil
import sys
from pathlib import Path

PROGRAM = "tradecapture"
DEFAULT_DATA = Path("tradecapture-data")  # the default of --data
# The seed that the next steps suggest. `demo` uses 1 and 2; the same seed makes the same trade ids.
SEED = 7


def command_line(data: Path, *words: str) -> str:
    """Return the line that runs a command on a data folder.

    Args:
        data: the data folder; its option is left out if it is the default.
        words: the command and its arguments.
    """
    data_words = () if data == DEFAULT_DATA else ("--data", str(data))
    return f"{_program()} {shlex.join([*words, *data_words])}"


def next_steps(data: Path) -> str:
    """Return the commands to try in another terminal while `up` runs on a data folder."""
    lines = [
        f"{_program()} generate --trades 1000 --seed {SEED} --output trades.ndjson",
        command_line(data, "submit", "trades.ndjson", "--wait"),
        command_line(data, "holdings"),
        command_line(data, "reconcile"),
    ]
    return "\n  ".join(["In another terminal, from this folder:", *lines])


def _program() -> str:
    """Return what to type for this program: its name, or its path if it is not on PATH."""
    path = Path(sys.argv[0])
    if path.name != PROGRAM or shutil.which(PROGRAM):
        return PROGRAM
    here = Path.cwd()
    path = path.absolute()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
