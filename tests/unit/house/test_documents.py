"""Documents name files and tests that exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

TESTS = ROOT / "tests"
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), TESTS / "README.md"], key=str
)
# Paths that begin with one of these are from the repository's folder.
TOP = ("benchmarks", "deploy", "docs", "scripts", "tests", "tradecapture", "workers")
PLACEHOLDER = "NAME"  # in a path that a reader is to choose
ANY = "…"  # stands for the rest of a test's name, and before `::` for the file named last

_CODE = re.compile(r"`([^`\n]+)`")
_TEST = re.compile(r"([\w./-]*\btest_\w+\.py|…)?(?:::(test_\w+)(…|\.\.\.)?)?")
_PATH = re.compile(rf"(?:{'|'.join(TOP)})/[\w./-]*")


@cache
def modules() -> list[str]:
    """Return the path of each test module below `tests/`."""
    return [path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")]


@cache
def names_of(module: str) -> list[str]:
    """Return the names of a module's tests."""
    tree = ast.parse((TESTS / module).read_text(encoding="utf-8"))
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def problems_of(text: str) -> Iterator[str]:
    """Yield what a document names that does not exist."""
    module = ""
    for token in _CODE.findall(text):
        if (match := _TEST.fullmatch(token)) and any(match.groups()):
            path, name, abbreviated = match.groups()
            if path and path != ANY:
                modules = _modules_named(path)
                if len(modules) != 1:
                    yield f"`{token}`: {path} names {modules or 'no file'}"
                    continue
                (module,) = modules
            if name and not _is_test_of(module, name, bool(abbreviated)):
                yield f"`{token}`: no such test in {module or 'a file named before'}"
        elif _PATH.fullmatch(token) and PLACEHOLDER not in token and not (ROOT / token).exists():
            yield f"`{token}`: no such file"


def _modules_named(path: str) -> list[str]:
    """Return the test modules whose path ends with some folders and a file name."""
    path = path.removeprefix("tests/")
    return (
        [path]
        if path in modules()
        else [module for module in modules() if f"/{module}".endswith(f"/{path}")]
    )


def _is_test_of(module: str, name: str, abbreviated: bool) -> bool:
    names = names_of(module) if module else []
    return any(found.startswith(name) for found in names) if abbreviated else name in names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_what_exists(document: Path) -> None:
    """Each path, and each test of a file, in `code` type."""
    assert list(problems_of(document.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("`faults/workers/test_poison.py`, `tests/unit/`, `tradecapture/client.py`", 0),
        ("`house/test_documents.py::test_a_document_names_…`, `…::test_a_document_…`", 0),
        ("`house/test_documents.py::test_a_document_names_what_exists`", 0),
        ("`house/test_documents.py::test_a_document_names`", 1),  # not abbreviated
        ("`house/test_documents.py::test_gone_…`", 1),
        ("`test_gone.py`", 1),
        ("`test_cluster.py`", 1),  # there are several
        ("`…::test_a_document_names_…`", 1),  # of which file?
        ("`tradecapture/gone.py`", 1),
    ],
)
def test_what_does_not_exist_is_noticed(text: str, problems: int) -> None:
    """In a document of one line."""
    assert len(list(problems_of(text))) == problems
