"""Imports point one way, from the command line down to the trade."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODULES = sorted(
    path
    for folder in ("tradecapture", "workers")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)

# The floors, from the lowest: a module imports from its own floor and the ones below.
FLOORS = (
    ("trades", "connections", "version", "logs"),
    ("settings",),
    ("inbox",),
    ("ledger",),
    ("capture", "doctor"),
    ("client",),
    ("operations",),
    ("api", "local"),
    ("cli",),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
WORKERS_FLOOR = FLOOR_OF["api"]  # `workers` is a package beside `tradecapture`
TOP_FLOOR = len(FLOORS)  # `tradecapture` itself: it exports the public names

# Packages that import nothing else of the product, so that they are understood by themselves.
SELF_CONTAINED = ("trades", "connections")

# Libraries that belong to one place, and who else may import them, for a reason. The exceptions of
# a library (`sqlalchemy.exc`, `kombu.exceptions`) may be caught anywhere.
ONLY_IN = {
    "sqlalchemy": {
        "tradecapture/ledger": "the database",
        "tradecapture/operations/transactions.py": "an operator's transactions",
        "tradecapture/operations/ledger.py": "the type of a connection",
        "tradecapture/api/management/health.py": "the state of the connection pool",
        "tradecapture/cli/commands/db.py": "the type of an engine",
        "tradecapture/local/servers/postgresql_server.py": "the URL of the server that it starts",
    },
    "alembic": {"tradecapture/ledger/schema": "the schema"},
    "pymssql": {"tradecapture/ledger/dialects/mssql": "the driver"},
    "psycopg": {
        "tradecapture/ledger/dialects/postgresql.py": "the driver",
        "tradecapture/local/servers/postgresql_server.py": "asks whether the server is ready",
    },
    "celery": {
        "tradecapture/connections/brokers": "Celery's transports and the app that sends",
        "tradecapture/capture/bell.py": "rings by sending a task",
        "workers": "the fleet",
    },
    "kombu": {
        "tradecapture/connections/brokers": "Celery's transports",
        "tradecapture/capture/bell.py": "rings a queue",
        "workers": "the fleet",
        "celeryconfig.py": "the queues",
    },
    "amqp": {"tradecapture/connections/brokers": "the driver"},
    "tenacity": {"tradecapture/ledger/ledger.py": "the retry round the transaction"},
    "tradecapture.inbox.scripts": {"tradecapture/inbox": "the Lua scripts"},
    "tradecapture.local": {
        "tradecapture/local": "local servers",
        "tradecapture/cli": "`up` and `demo` start them",
    },
}
EXCEPTIONS = ("sqlalchemy.exc", "kombu.exceptions")


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full names of the modules that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            # `from package import module` names the module only here.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path: Path) -> str:
    """Return a path below the root, as the tables above name it."""
    return path.relative_to(ROOT).as_posix()


def floor_of(module: str) -> int:
    """Return the floor of a module; a library is below them all."""
    package, _, rest = module.partition(".")
    if package == "workers":
        return WORKERS_FLOOR
    if package != "tradecapture":
        return 0
    return FLOOR_OF.get(rest.partition(".")[0], TOP_FLOOR) if rest else TOP_FLOOR


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_from_its_floor_and_below(path: Path) -> None:
    """Imports point one way."""
    own = floor_of(name_of(path).removesuffix(".py").replace("/", "."))
    assert [module for module in imports_of(path) if floor_of(module) > own] == []


@pytest.mark.parametrize("package", SELF_CONTAINED)
def test_a_package_imports_nothing_else_of_the_product(package: str) -> None:
    """A newcomer can read it by itself."""
    own = f"tradecapture.{package}"
    foreign = {
        f"{name_of(path)}: {module}"
        for path in (ROOT / "tradecapture" / package).rglob("*.py")
        for module in imports_of(path)
        if module.startswith("tradecapture") and not f"{module}.".startswith(f"{own}.")
    }
    assert foreign == set()


@pytest.mark.parametrize(
    "path", [path for path in MODULES if "workers" not in path.parts], ids=name_of
)
def test_tradecapture_never_imports_the_workers(path: Path) -> None:
    """The API, the command line and the client ring by the task's name."""
    assert [m for m in imports_of(path) if m == "workers" or m.startswith("workers.")] == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_stays_in_its_place(library: str) -> None:
    """Each matter is dealt with in one place; every exception in the table has its reason."""
    users = {
        name_of(path)
        for path in [*MODULES, ROOT / "celeryconfig.py"]
        for module in imports_of(path)
        if (module == library or module.startswith(f"{library}."))
        and not module.startswith(EXCEPTIONS)
    }
    allowed = tuple(ONLY_IN[library])
    strays = {user for user in users if not user.startswith(allowed)}
    assert strays == set()


def test_every_part_of_the_package_has_a_floor() -> None:
    """A name that is missing in the table, or only there, would guard nothing."""
    there = {path.stem for path in (ROOT / "tradecapture").iterdir() if path.suffix in ("", ".py")}
    assert FLOOR_OF.keys() == there - {"__init__", "__main__", "__pycache__"}
