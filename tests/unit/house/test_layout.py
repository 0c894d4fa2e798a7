"""The layout: small folders, files of one idea, short functions, a way that can be read."""

import ast
import re
from pathlib import Path

from tests.support import ROOT
from tests.support.source import CODE, definitions, files, folders, relative

MAX_ENTRIES = 12  # of a folder; more are not taken in at a glance
MAX_PACKAGE_ENTRIES = 14  # of `tradecapture` itself: its packages, the client and the settings
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
MAX_READING_LINES = 1500  # of the files that README names, together: an hour's reading

# The way of a trade, in the order in which README names the files.
WAY_OF_A_TRADE = [
    "tradecapture/trades/submission.py",
    "tradecapture/capture/gateway.py",
    "tradecapture/inbox/acceptance.py",
    "tradecapture/inbox/scripts/accept.lua",
    "workers/tasks.py",
    "tradecapture/capture/capture.py",
    "tradecapture/ledger/transaction.py",
    "tradecapture/ledger/rules/partition.py",
]


def test_folders_have_few_entries() -> None:
    """A folder is taken in at a glance; `__init__.py` and caches do not count."""
    full = {}
    for folder in folders(*CODE, "deploy"):
        names = [entry.name for entry in folder.iterdir() if is_entry(entry)]
        limit = MAX_PACKAGE_ENTRIES if relative(folder) == "tradecapture" else MAX_ENTRIES
        if len(names) > limit:
            full[relative(folder)] = sorted(names)
    assert full == {}


def is_entry(path: Path) -> bool:
    """Return whether a reader sees a file or folder: markers and caches hold nothing to read."""
    markers = ("__init__.py", "__main__.py", "py.typed")
    return path.name not in markers and not path.name.startswith(("__pycache__", "."))


def test_files_are_short() -> None:
    """A file holds one idea."""
    lengths = {
        relative(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in files(".py", ".lua", ".sql")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    """A function fits on a screen; a migration is one list of statements, however many."""
    lengths = {
        f"{relative(each.path)}: {each.name}": (each.node.end_lineno or 0) - each.node.lineno + 1
        for path in files(".py")
        if "migrations" not in path.parts
        for each in definitions(path)
        if isinstance(each.node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def test_readme_names_the_way_of_a_trade() -> None:
    """Eight files, in order, tell a trade's whole way; they exist and are read in an hour."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\d\. \[`([^`]+)`\]\(", readme, re.M) == WAY_OF_A_TRADE
    lines = sum(len((ROOT / name).read_text().splitlines()) for name in WAY_OF_A_TRADE)
    assert lines < MAX_READING_LINES
