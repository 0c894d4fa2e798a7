"""The source files that the house rules are about, and what they define."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support import ROOT

PRODUCT = ("tradecapture", "workers")
CODE = (*PRODUCT, "benchmarks", "tests", "scripts")
_CACHES = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


class Definition(NamedTuple):
    """A name that a module defines: a class, a function, a field, a constant."""

    path: Path
    name: str
    node: ast.AST


def files(*suffixes: str, below: tuple[str, ...] = CODE) -> list[Path]:
    """Return the files of some folders of the repository with one of the suffixes."""
    return sorted(
        path
        for folder in below
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes and not _CACHES & set(path.parts)
    )


def folders(*below: str) -> list[Path]:
    """Return some folders and all folders in them."""
    return sorted(
        path
        for folder in below
        for path in (ROOT / folder, *(ROOT / folder).rglob("*"))
        if path.is_dir() and not _CACHES & set(path.parts)
    )


def definitions(path: Path) -> Iterator[Definition]:
    """Yield what a module defines, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield Definition(path, node.name, node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield Definition(path, node.target.id, node)


def words(name: str) -> set[str]:
    """Return the words of a name, in lower case."""
    return {word.lower() for word in _WORD.findall(name)}


def relative(path: Path) -> str:
    """Return a path below the root, as people write it."""
    return path.relative_to(ROOT).as_posix()
