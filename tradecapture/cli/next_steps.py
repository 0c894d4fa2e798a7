"""The next steps: commands to try, ready to copy."""

import shlex
import shutil
import sys
from pathlib import Path

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
        f"  {name} positions{there}\n"
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
