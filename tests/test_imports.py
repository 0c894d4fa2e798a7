"""Imports point one way: trade <- routing <- inbox, ledger <- capture <- workers."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path
    for folder in ("tradecapture", "workers")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)

# Which floor a module of tradecapture stands on; it imports from its own floor and below.
FLOORS = (
    (
        "trade",
        "length",
        "shape",
        "isin",
        "partition",
        "outcome",
        "rabbitmq",
        "release",
        "sentinel_url",
        "server_url",
        "settings",
        "logs",
        "document",
    ),
    ("validation", "holding", "routing"),
    ("submission", "receipt"),
    ("inbox",),
    ("ledger",),
    ("bell", "sentinel_broker", "status", "reconciliation", "renewal"),
    ("capture", "client", "operations"),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}

# Libraries that belong to one place, and who else may import them, for a reason.
ONLY_IN = {
    "sqlalchemy": {
        "tradecapture/ledger": "the database",
        "workers/process.py": "a database that is not up yet is no reason not to start",
        "tradecapture/client.py": "a conflict is explained as far as the database answers",
        "tradecapture/api": "an unreachable database becomes a 503",
        "tradecapture/cli": "an unreachable database becomes a sentence, not a traceback",
        "tradecapture/local/postgresql_server.py": "the URL of the server that it starts",
    },
    "alembic": {"tradecapture/ledger": "the schema"},
    "pymssql": {"tradecapture/ledger/dialects/mssql": "the driver"},
    "psycopg": {
        "tradecapture/ledger/dialects/postgresql.py": "the driver",
        "tradecapture/local/postgresql_server.py": "asks whether the server is ready",
    },
    "celery": {
        "tradecapture/bell.py": "rings by sending a task",
        "workers": "the fleet",
        "tradecapture/cli": "doctor asks the workers for their settings",
    },
    "kombu": {
        "tradecapture/bell.py": "the errors of a broker",
        "workers/broker.py": "the transport to it",
        "tradecapture/rabbitmq.py": "the transport to RabbitMQ",
        "tradecapture/sentinel_broker.py": "the transport to Redis behind Sentinel",
        "celeryconfig.py": "the queues",
        "tradecapture/cli": "doctor asks the broker whether it is there",
    },
    "amqp": {"tradecapture/rabbitmq.py": "the driver"},
    "tenacity": {"tradecapture/ledger/ledger.py": "the retry round the transaction"},
    "tradecapture.inbox.scripts": {"tradecapture/inbox": "the Lua scripts"},
    "tradecapture.local": {
        "tradecapture/local": "local servers",
        "tradecapture/cli": "`up` and `demo` start them",
    },
}


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
    """Return the floor of a module; what stands beside the floors is above them all."""
    parts = module.split(".")
    if parts[0] not in ("tradecapture", "workers"):
        return 0  # a library
    return FLOOR_OF.get(parts[1], len(FLOORS)) if len(parts) > 1 else len(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_from_its_floor_and_below(path: Path) -> None:
    """No module imports from a floor above its own, nor the API, the command line or a worker."""
    own = floor_of(name_of(path).removesuffix(".py").replace("/", "."))
    assert [module for module in imports_of(path) if floor_of(module) > own] == []


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
        if module == library or module.startswith(f"{library}.")
    }
    allowed = tuple(ONLY_IN[library])
    strays = {user for user in users if not user.startswith(allowed)}
    assert strays == set()


def test_every_module_of_the_path_of_a_trade_has_a_floor() -> None:
    """A name that is in the table and no more in the package would guard nothing."""
    there = {path.stem for path in (ROOT / "tradecapture").iterdir()}
    assert FLOOR_OF.keys() <= there
