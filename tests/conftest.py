"""Fixtures: a real Redis and real databases, one server a pytest process, emptied for each test."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis import Redis

from tests.support.deployment.deployment import Deployment
from tests.support.servers.databases import (
    MSSQL_VARIABLE,
    emptying,
    execute_on_mssql,
    forget_on_crash,
    name_of,
    new_mssql_database,
    with_tables,
)
from tests.support.servers.redis.cluster_servers import ClusterServers
from tests.support.servers.settings import CONNECT_SECONDS, settings_on
from tests.support.tds import TdsServer
from tradecapture.inbox import Inbox, connect_redis
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.logs import configure_logs
from tradecapture.settings import Settings

TESTS = Path(__file__).parent

# Where SQL Server's stand-in runs the tests too. A server that the environment names runs them all.
STAND_IN_RUNS = tuple(f"tests/integration/{name}/" for name in ("ledger", "capture", "operations"))

# Examples share one flushed Redis or emptied database on purpose: each uses ids of its own.
# The machine is shared, so a slow example is no failure.
_COMMON = hypothesis_settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# The same examples in every run: a red build is a change, never luck.
hypothesis_settings.register_profile("tradecapture", _COMMON, max_examples=60, derandomize=True)
# Other examples in every run, and many: `pytest --hypothesis-profile=deep`, for an hour.
hypothesis_settings.register_profile("deep", _COMMON, max_examples=2000, print_blob=True)
hypothesis_settings.load_profile("tradecapture")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the product logs, as the processes that users start have it."""
    configure_logs()
    return caplog


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server of this pytest process."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def cluster_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterServers]:
    """A Redis Cluster of this pytest process; tests leave its nodes running, its slots in place."""
    with ClusterServers(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest.fixture(scope="session")
def redis_connection(redis_server: RedisServer) -> Iterator["Redis"]:
    """A connection to it, as the product makes one."""
    with connect_redis(redis_server.url, CONNECT_SECONDS) as redis:
        # Tests of durability start servers of their own; the others need not wait for the disk.
        redis.config_set("appendfsync", "no")
        yield redis


@pytest.fixture
def redis(redis_connection: "Redis") -> "Redis":
    """An empty Redis."""
    redis_connection.flushall()
    return redis_connection


@pytest.fixture
def settings(redis_server: RedisServer) -> Settings:
    """Settings of a deployment on this Redis: one lane, long leases, no waiting in tests."""
    return settings_on(redis_server.url)


@pytest.fixture
def inbox(redis: "Redis", settings: Settings) -> Inbox:
    """The inboxes of an empty Redis."""
    return Inbox(redis, settings)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlServer]:
    """A PostgreSQL server of this pytest process."""
    with PostgresqlServer(tmp_path_factory.mktemp("postgresql")) as server:
        forget_on_crash(server)
        yield server


@pytest.fixture(scope="session")
def empty_postgresql(postgresql_server: PostgresqlServer) -> Iterator[Callable[[], str]]:
    """Empties a ledger on it, and returns its URL."""
    with emptying(with_tables(postgresql_server.new_database("ledger"))) as empty:
        yield empty


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the ledger's tables, to copy."""
    file = tmp_path_factory.mktemp("sqlite") / "ledger.db"
    with_tables(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def mssql_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of the SQL Server that the environment names; without one, of its stand-in."""
    if MSSQL_VARIABLE in os.environ:
        yield os.environ[MSSQL_VARIABLE]
        return
    with TdsServer(request.getfixturevalue("postgresql_server").url) as server:
        yield server.url
        # Also those that the product has swallowed.
        assert server.journal.refusals == [], "SQL Server would not run these"


@pytest.fixture(scope="session")
def mssql_database(mssql_server: str) -> Iterator[str]:
    """A database with the ledger's tables on it."""
    with new_mssql_database(mssql_server, "test") as url:
        # As `doctor` asks for it: readers do not wait for captures.
        execute_on_mssql(
            mssql_server, f"ALTER DATABASE {name_of(url)} SET READ_COMMITTED_SNAPSHOT ON"
        )
        yield with_tables(url)


@pytest.fixture
def bare_mssql(mssql_server: str) -> Iterator[str]:
    """The URL of a new database on SQL Server, as it is made: without tables, nothing set."""
    with new_mssql_database(mssql_server, "bare") as url:
        yield url


@pytest.fixture(scope="session")
def empty_mssql(mssql_database: str) -> Iterator[Callable[[], str]]:
    """Empties that database, and returns its URL."""
    with emptying(mssql_database) as empty:
        yield empty


@pytest.fixture
def postgresql_url(empty_postgresql: Callable[[], str]) -> str:
    """The URL of an empty ledger on PostgreSQL."""
    return empty_postgresql()


@pytest.fixture
def mssql_url(empty_mssql: Callable[[], str]) -> str:
    """The URL of an empty ledger on SQL Server."""
    return empty_mssql()


@pytest.fixture(
    params=["sqlite", "postgresql", pytest.param("mssql", marks=pytest.mark.mssql)],
)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger on each database in turn."""
    if request.param == "sqlite":
        file = tmp_path / "ledger.db"
        shutil.copy(request.getfixturevalue("sqlite_database"), file)
        return f"sqlite:///{file}"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def ledger_settings(settings: Settings, ledger_url: str) -> Settings:
    """Settings of a deployment on this Redis and each database in turn."""
    return replace(settings, database_url=ledger_url)


@pytest.hookimpl(tryfirst=True)  # before pytest itself deselects by mark
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its top folder; leave out what the stand-in need not run.

    The stand-in runs the tests that send SQL of their own.
    """
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])
    if MSSQL_VARIABLE in os.environ:
        return
    left_out = [
        item
        for item in items
        if "[mssql" in item.name and not item.nodeid.startswith(STAND_IN_RUNS)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Report a measured figure: it stands in the summary of the run, whatever captured output."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests measured."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    figures = [
        text for report in reports for name, text in report.user_properties if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
        for text in sorted(set(map(str, figures))):
            terminalreporter.line(text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of a failed deployment's logs: its processes tell what the test did not see."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Deployment):
                report.sections += [
                    (f"log: {name}", tail) for name, tail in value.log_tails().items()
                ]
    return report
