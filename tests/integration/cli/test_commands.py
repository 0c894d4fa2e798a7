"""What all commands share: one sentence for an error, exit codes, help; `db` and `generate`."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.support.builders import PARTITION, trade_json
from tests.support.cli.shell import NOWHERE, Run, submit
from tradecapture.cli import cli

OPERATING = (
    ["partitions", "show", PARTITION],
    ["partitions", "pause", PARTITION, "--why", "why"],
    ["partitions", "resume", PARTITION],
    ["partitions", "gaps"],
    ["replay", "T", "--why", "why", "--yes"],
)


def words_of(group: click.Group) -> Iterator[list[str]]:
    """Yield the words that call each command of a group and of its subgroups."""
    for name, command in sorted(group.commands.items()):
        yield [name]
        if isinstance(command, click.Group):
            yield from ([name, *words] for words in words_of(command))


def test_an_unreachable_redis_is_exit_code_3(run: Run) -> None:
    """Every command that needs Redis says in one sentence that it does not answer."""
    for words in (["submit", "-"], ["trade", "T"], ["partitions"], ["reconcile"], *OPERATING):
        result = run(*words, standard_input=trade_json(), REDIS_URL=NOWHERE)
        assert result.exit_code == 3, words
        assert "Redis does not answer" in result.stderr
        assert "Traceback" not in result.stderr


def test_an_unreachable_database_is_exit_code_3(run: Run) -> None:
    """Every command that needs the database says that it does not answer, and what is safe."""
    for words in (["holdings"], ["reconcile"], ["db", "upgrade"], ["trade", "T"], *OPERATING):
        result = run(*words, DATABASE_URL="postgresql://127.0.0.1:1/x")
        assert result.exit_code == 3, words
        assert "the database does not answer" in result.stderr
        assert "safely in Redis" in result.stderr


def test_another_lane_count_is_exit_code_2(run: Run) -> None:
    """The message says which lane count to set."""
    submit(run, trade_json())
    result = run("partitions", LANES="3")
    assert result.exit_code == 2
    assert "Set TRADECAPTURE_LANES=1" in result.stderr


def test_bad_settings_are_exit_code_2(run: Run) -> None:
    """The message names the variable."""
    result = run("holdings", LANES="many")
    assert result.exit_code == 2
    assert "TRADECAPTURE_LANES" in result.stderr


def test_missing_tables_are_exit_code_2_and_made_by_db_upgrade(run: Run, tmp_path: Path) -> None:
    """The message names `tradecapture db upgrade`, which creates the tables and may run twice."""
    url = f"sqlite:///{tmp_path}/new.db"
    result = run("holdings", DATABASE_URL=url)
    assert result.exit_code == 2
    assert "tradecapture db upgrade" in result.stderr
    assert "(before: none)" in run("db", "upgrade", DATABASE_URL=url).stdout
    assert "already" in run("db", "upgrade", DATABASE_URL=url).stdout
    assert run("holdings", DATABASE_URL=url).exit_code == 0


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mssql"])
def test_the_tables_can_be_printed(run: Run, dialect: str) -> None:
    """`db upgrade --sql` prints the tables as SQL, without any database."""
    result = run("db", "upgrade", "--sql", dialect, DATABASE_URL=None, REDIS_URL=None)
    assert result.exit_code == 0, result.stderr
    assert "CREATE TABLE trades" in result.stdout


def test_without_servers_a_command_says_how_to_get_them(run: Run) -> None:
    """The exit code is 3, and the message says to start `up` or to set the missing variables."""
    result = run("reconcile", REDIS_URL=None)
    assert result.exit_code == 3
    assert "start `tradecapture up`" in result.stderr
    assert "set TRADECAPTURE_REDIS_URL" in result.stderr
    assert "DATABASE" not in result.stderr


def test_generated_trades_are_seeded(run: Run, tmp_path: Path) -> None:
    """The same options give the same bytes, in a file and on standard output."""
    options = ("--trades", "50", "--seed", "3", "--invalid", "0", "--today", "2026-01-15")
    file = tmp_path / "trades.ndjson"
    assert run("generate", *options, "--output", str(file)).exit_code == 0
    assert run("generate", *options).stdout_bytes == file.read_bytes()
    assert len(file.read_text().splitlines()) == 50
    result = run("generate", "--resends", "0.7", "--invalid", "0.7")
    assert result.exit_code == 2
    assert "resends and invalid" in result.stderr


@pytest.mark.parametrize(
    "words",
    [words for words in words_of(cli) if words != ["db"]],
    ids=" ".join,
)
def test_help_has_examples_and_exit_codes(run: Run, words: list[str]) -> None:
    """The help of every command and subcommand has examples and exit codes."""
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert "Exit codes: 0" in result.stdout
