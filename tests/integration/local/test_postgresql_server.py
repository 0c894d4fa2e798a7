"""PostgresqlServer, which runs a PostgreSQL with its data in a folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.server import LocalServerError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlServer]:
    """A running server, which the tests share because its set-up takes most of a second."""
    with PostgresqlServer(tmp_path_factory.mktemp("postgresql")) as running:
        yield running


def run_statement(url: str, statement: str) -> object:
    """Run a statement, commit it, and return its single value."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


def test_url_is_for_sqlalchemy(server: PostgresqlServer) -> None:
    """SQLAlchemy accepts the URL; the server is durable and allows 100 connections."""
    assert server.url.startswith("postgresql+psycopg://postgres@/postgres?host=/")
    assert run_statement(server.url, "SHOW fsync") == "on"
    assert run_statement(server.url, "SHOW synchronous_commit") == "on"
    assert int(str(run_statement(server.url, "SHOW max_connections"))) >= 100


def test_new_databases_are_separate(server: PostgresqlServer) -> None:
    """Each new database has its own tables, and its name can be used only once."""
    one, two = server.new_database("one"), server.new_database("the second")
    run_statement(one, "CREATE TABLE here (id int)")
    assert run_statement(two, "SELECT to_regclass('here') IS NULL") is True
    assert run_statement(two, "SELECT current_database()") == "the second"
    with pytest.raises(psycopg.errors.DuplicateDatabase):
        server.new_database("one")


def test_commits_survive_kill_and_restart(server: PostgresqlServer) -> None:
    """After a SIGKILL the server restarts with the same URL and every committed row."""
    url = server.new_database("kept")
    run_statement(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
    with psycopg.connect(url.replace("+psycopg", "")) as open_connection:
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            open_connection.execute("SELECT 1")
    server.restart()
    assert run_statement(url, "SELECT count(*) FROM kept") == 1000


def test_stop_does_not_wait_for_clients(server: PostgresqlServer) -> None:
    """A server restarts although a client is still connected."""
    client = psycopg.connect(server.url.replace("+psycopg", ""))
    server.restart()
    client.close()
    assert run_statement(server.url, "SELECT 1") == 1


def test_unusable_folder_is_an_error(tmp_path: Path) -> None:
    """A folder with other files is refused by its name, and its files are kept."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "letter.txt").write_text("keep me")
    with pytest.raises(LocalServerError, match="PostgreSQL cannot use"):
        PostgresqlServer(tmp_path).start()
    assert (tmp_path / "data" / "letter.txt").read_text() == "keep me"


def test_url_before_start_is_an_error(tmp_path: Path) -> None:
    """The URL of a server that was not started is an error."""
    with pytest.raises(LocalServerError, match="start it first"):
        _ = PostgresqlServer(tmp_path).url


def test_start_prints_no_warning(tmp_path: Path) -> None:
    """A process without XDG_RUNTIME_DIR starts and stops a server without a warning."""
    code = (
        "import sys; from pathlib import Path; "
        "from tradecapture.local.servers.postgresql_server import PostgresqlServer\n"
        "with PostgresqlServer(Path(sys.argv[1])) as server: print(server.process.pid)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "XDG_RUNTIME_DIR"}
    process = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(tmp_path / ("deep" * 20))],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert process.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(process.stdout), 0)
