"""Tests share code through `tests/support` only: no test imports another test or a conftest."""

import ast
from collections.abc import Iterator

import pytest

from tests.support import ROOT

TESTS = ROOT / "tests"
SUPPORT = ("tests", "support")
MODULES = sorted(TESTS.rglob("*.py"))
# What is shipped or measures what is shipped, and so runs where no test is.
OTHERS = sorted(
    module
    for folder in ("tradecapture", "workers", "benchmarks", "scripts")
    for module in (ROOT / folder).rglob("*.py")
)


def imported_names(source: str) -> Iterator[str]:
    """Yield what a module imports, also inside functions; `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import does not say which folder it is from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_outside_support(source: str) -> list[str]:
    """Return what a module imports from `tests/` but not from `tests/support`."""
    names = (tuple(name.split(".")) for name in imported_names(source))
    return [".".join(name) for name in names if name[0] == "tests" and name[:2] != SUPPORT]


def test_tests_import_support_only() -> None:
    """What two tests use is in `tests/support`, and `tests/support` imports no test."""
    found = {
        str(module.relative_to(TESTS)): imports_outside_support(module.read_text())
        for module in MODULES
    }
    assert {module: names for module, names in found.items() if names} == {}


def test_nothing_else_imports_tests() -> None:
    """The product, the benchmarks and the scripts run without `tests/`."""
    importers = [
        str(module.relative_to(ROOT))
        for module in OTHERS
        if any(name.split(".")[0] == "tests" for name in imported_names(module.read_text()))
    ]
    assert importers == []


@pytest.mark.parametrize(
    ("line", "imported"),
    [
        ("from tests.conftest import redis", "tests.conftest.redis"),
        ("from tests.fleet.workers import test_kill", "tests.fleet.workers.test_kill"),
        ("import tests.faults.conftest", "tests.faults.conftest"),
        (
            "def late():\n    from tests.unit.trades.test_isin import digits",
            "tests.unit.trades.test_isin.digits",
        ),
    ],
)
def test_an_import_of_a_test_is_noticed(line: str, imported: str) -> None:
    """Whatever form it has, and wherever in the module it is."""
    assert imports_outside_support(line) == [imported]
