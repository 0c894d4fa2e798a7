"""No log (DEBUG too), page, message, traceback, `ps` or `repr` shows a password."""

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ROOT
from tests.support.api.secrets import BROKER, LEDGER, REDIS, assert_no_secret, encoded
from tests.support.api.servers import environment_of
from tests.support.builders import submissions, trade_json
from tests.support.cli.shell import Run
from tests.support.deployment.completion import wait_until_nothing_waits
from tests.support.servers.flower import Flower
from tests.support.servers.program import Program
from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.connections.brokers.app import sending_app
from tradecapture.connections.urls import without_password
from tradecapture.inbox import connect_redis
from tradecapture.ledger.engine import open_engine
from tradecapture.local.servers.ports import free_port
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.server import wait_until
from tradecapture.settings import SettingsError

NOWHERE = "127.0.0.1:1"  # nothing listens on port 1
ROLE = "secrets_desk"
CONNECT_SECONDS = 3.0
RESPONSE_TIMEOUT_SECONDS = 10.0  # the inspection ends with the reply of its worker
READY_SECONDS = 60.0  # on a machine that is busy with other tests
COMMANDS = (
    ["doctor"],
    ["doctor", "--json"],
    ["partitions"],
    ["holdings"],
    ["trade", "T-1"],
    ["reconcile"],
    ["db", "upgrade"],
    ["submit", "-"],
)


@pytest.fixture(scope="module")
def redis_with_passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A Redis with one password for the inboxes and another for the bells."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        with connect_redis(server.url, CONNECT_SECONDS) as redis:
            redis.execute_command(
                "ACL", "SETUSER", "bells", "on", f">{BROKER}", "~*", "&*", "+@all"
            )
            redis.config_set("requirepass", REDIS)
        address = server.url.removeprefix("redis://")
        yield Settings(
            redis_url=f"redis://:{encoded(REDIS)}@{address}",
            broker_url=f"redis://bells:{encoded(BROKER)}@{address}",
        )


@pytest.fixture
def database_url(postgresql_server: PostgresqlServer) -> str:
    """The URL of a ledger on a PostgreSQL that asks for a password; it may have rows already."""
    settings = Settings(database_url=postgresql_server.url, connect_seconds=CONNECT_SECONDS)
    with (
        open_engine(settings) as (engine, _dialect),
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        file = Path(connection.exec_driver_sql("SHOW hba_file").scalar_one())
        if ROLE not in file.read_text():
            connection.exec_driver_sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{LEDGER}'")
            connection.exec_driver_sql(f"CREATE DATABASE {ROLE} OWNER {ROLE}")
            file.write_text(f"local all {ROLE} scram-sha-256\n{file.read_text()}")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        sockets = connection.exec_driver_sql("SHOW unix_socket_directories").scalar_one()
    return f"postgresql://{ROLE}:{encoded(LEDGER)}@/{ROLE}?host={sockets}"


@pytest.fixture
def environment(redis_with_passwords: Settings, database_url: str, run: Run) -> dict[str, str]:
    """The environment of a deployment whose three servers ask for passwords."""
    settings = redis_with_passwords
    result = run("db", "upgrade", DATABASE_URL=database_url)
    assert result.exit_code == 0, result.output
    return environment_of(
        redis_url=settings.redis_url, broker_url=settings.broker_url, database_url=database_url
    )


@pytest.mark.workers
def test_a_running_fleet_shows_no_password(
    environment: dict[str, str], run: Run, tmp_path: Path
) -> None:
    """Worker, API and Flower at DEBUG show no password, nor do the commands and `celery`."""
    settings = Settings.from_environment(environment)
    worker_words = ["celery", "-A", "workers", "worker", "--concurrency", "1", "-l", "DEBUG"]
    port = free_port()
    api_words = ["uvicorn", "--factory", "tradecapture.api.app:create_app"]
    api_words += ["--port", str(port), "--log-level", "debug"]
    api = Program(tmp_path / "api.log", environment, api_words, "startup complete")
    worker = Program(tmp_path / "worker.log", environment, worker_words, " ready.")
    with ExitStack() as stack:
        flower = stack.enter_context(Flower(tmp_path / "flower.log", environment))
        stack.enter_context(worker)
        stack.enter_context(api)
        gateway = stack.enter_context(closing(Gateway(settings)))
        gateway.accept(submissions(3))
        wait_until_nothing_waits(gateway)
        assert_no_secret("repr", f"{settings!r} {gateway.redis!r} {gateway.ledger.engine!r}")
        assert_no_secret(
            "repr of the app", repr(sending_app(settings.broker, CONNECT_SECONDS).connection())
        )
        health = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", timeout=10)
        assert health.status_code == 200
        assert_no_secret("health", health.text)
        node = next(iter(httpx.get(f"{flower.url}/api/workers?refresh=1", timeout=20).json()))
        for path in (
            "/api/workers?refresh=1",
            "/broker",
            "/workers",
            f"/worker/{node}",
            "/metrics",
        ):
            assert_no_secret(f"Flower's {path}", flower.page(path))
        _assert_commands_show_no_secret(run, environment, expected=(0, 1))
        inspect = sending_app(settings.broker, CONNECT_SECONDS).control.inspect(
            [node], timeout=RESPONSE_TIMEOUT_SECONDS
        )
        for reply in (inspect.conf(with_defaults=True), inspect.stats()):
            assert "redis" in str(reply)
            assert_no_secret("celery inspect", str(reply))
        report = _output("celery", "-A", "workers", "report", environment=environment)
        assert "redis" in report
        assert_no_secret("celery report", report)
        _assert_command_lines_show_no_secret(os.getpid())
    for log in tmp_path.glob("*.log"):
        assert_no_secret(log.name, log.read_text(errors="replace"))


@pytest.mark.workers
def test_up_shows_no_password(environment: dict[str, str], tmp_path: Path) -> None:
    """`tradecapture up` shows no password, and only its user can read its record."""
    data = tmp_path / "data"
    words = ["tradecapture", "up", "--data", str(data), "--workers", "1"]
    words += ["--api-port", str(free_port()), "--flower-port", str(free_port())]
    with Program(tmp_path / "up.out", environment, words, "Ctrl-C stops everything") as up:
        _assert_command_lines_show_no_secret(up.process.pid)
        record = data / "running.json"
        assert wait_until(record.exists, READY_SECONDS)
        assert record.stat().st_mode & 0o077 == 0
    for file in (up.log, *data.rglob("*")):
        if file.is_file() and file != record:
            assert_no_secret(str(file), file.read_text(errors="replace"))


@pytest.mark.workers
def test_servers_out_of_reach_show_no_password(run: Run, tmp_path: Path) -> None:
    """Errors about unreachable servers show no password."""
    environment = environment_of(
        redis_url=f"redis://:{encoded(REDIS)}@{NOWHERE}/0",
        broker_url=f"redis://bells:{encoded(BROKER)}@{NOWHERE}/0",
        database_url=f"postgresql://desk:{encoded(LEDGER)}@{NOWHERE}/ledger",
        connect_seconds="0.5",
    )
    port = free_port()
    api_words = ["uvicorn", "--factory", "tradecapture.api.app:create_app"]
    api_words += ["--port", str(port), "--log-level", "debug"]
    worker_words = ["celery", "-A", "workers", "worker", "--concurrency", "1", "-l", "DEBUG"]
    with (
        Program(tmp_path / "api.log", environment, api_words, "startup complete"),
        Program(tmp_path / "worker.log", environment, worker_words, "Cannot connect to"),
    ):
        for path in ("/api/v1/health", "/api/v1/trades/capture/T-1"):
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=20)
            assert answer.status_code == 503
            assert_no_secret(path, answer.text)
        headers = {"Content-Type": "application/json"}
        for url in ("/api/v1/trades/capture", "/api/v1/trades/capture/batch"):
            answer = httpx.post(
                f"http://127.0.0.1:{port}{url}", content=trade_json(), headers=headers, timeout=20
            )
            assert answer.status_code >= 400
            assert_no_secret(url, answer.text)
    _assert_commands_show_no_secret(run, environment, expected=(1, 3))
    for log in tmp_path.glob("*.log"):
        assert_no_secret(log.name, log.read_text(errors="replace"))


MISTAKES = {
    "not encoded": "{scheme}://desk:hunter2@x/y#z@nowhere:1/0",
    "port": "{scheme}://desk:hunter2@nowhere:port/0",
    "brackets": "{scheme}://desk:hunter2@[nowhere:1/0",
    "no scheme": "desk:hunter2@nowhere",
    "unknown scheme": "carrier-pigeon://desk:hunter2@nowhere/0",
    "in the query": "{scheme}://nowhere:1/0?password=hunter2&sslpassword=hunter2",
    "several": "{scheme}://a:hunter2@nowhere:1/0;{scheme}://b:hunter2@nowhere:1/0",
}


@pytest.mark.parametrize("mistake", sorted(MISTAKES))
@pytest.mark.parametrize("name", ["redis_url", "broker_url", "database_url"])
def test_a_mistake_in_a_url_shows_no_password(name: str, mistake: str, run: Run) -> None:
    """A command that gets an invalid URL ends without a traceback and shows no password."""
    scheme = "postgresql" if name == "database_url" else "redis"
    url = MISTAKES[mistake].format(scheme=scheme)
    for command in (["doctor"], ["db", "upgrade"], ["submit", "-"]):
        result = run(*command, standard_input=trade_json(), **{name.upper(): url})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        text = result.output + "".join(traceback.format_exception(result.exception))
        assert_no_secret(f"{command} with a mistake", text)


def test_a_worker_with_a_mistake_in_a_url_names_it_and_shows_no_password() -> None:
    """A worker that gets an invalid URL ends, and names the variable without the password."""
    for name in ("redis_url", "broker_url"):
        environment = environment_of(**{name: "redis://:hunter2/x@nowhere:1/0"})
        output = _output("celery", "-A", "workers", "worker", environment=environment)
        assert f"TRADECAPTURE_{name.upper()}" in output
        assert_no_secret(name, output)


@given(
    st.sampled_from(["redis", "rediss", "postgresql", "mssql", "amqps"]),
    st.text(st.characters(exclude_characters="@", exclude_categories=["Cs"]), min_size=1),
    st.text(min_size=1).filter(lambda text: "*" not in text).map(lambda text: f"hunter2{text}"),
)
def test_any_password_is_masked(scheme: str, user: str, password: str) -> None:
    """A password in a URL is masked, encoded or not, before the host or in a parameter."""
    user = encoded(user)
    for url in (
        f"{scheme}://{user}:{password}@host:1/0",
        f"{scheme}://{user}:{encoded(password)}@host:1/0?sslmode=require",
        f"{scheme}://:{encoded(password)}@host",
        f"{scheme}://{user}@host:1/0?sslmode=require&password={encoded(password)}",
        f"{scheme}://host/0?SSL_PASSWORD={encoded(password)}&ssl_ca_certs=ca.pem",
    ):
        assert "hunter2" not in without_password(url)
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"TRADECAPTURE_REDIS_URL": f"{user}:{password}"})
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


def _assert_commands_show_no_secret(
    run: Run, environment: dict[str, str], expected: tuple[int, ...]
) -> None:
    variables = {
        name.removeprefix("TRADECAPTURE_"): value
        for name, value in environment.items()
        if name.startswith("TRADECAPTURE_")
    }
    for command in COMMANDS:
        result = run(*command, standard_input=trade_json(), **({"LANES": None} | variables))
        assert result.exit_code in expected, (command, result.output)
        assert_no_secret(f"tradecapture {command}", result.output)


def _assert_command_lines_show_no_secret(process_id: int) -> None:
    for child in psutil.Process(process_id).children(recursive=True):
        try:
            assert_no_secret("ps", " ".join(child.cmdline()))
        except psutil.NoSuchProcess:
            continue


def _output(*words: str, environment: dict[str, str]) -> str:
    process = subprocess.run(
        [sys.executable, "-m", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    return process.stdout + process.stderr
