"""Which schema versions a release accepts, and the messages about the other ones."""

from collections.abc import Callable
from functools import partial
from importlib import import_module

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, inspect

from tests.support import ROOT
from tests.support.builders import submissions
from tests.support.capture.worker import ids
from tests.support.deployment.completion import wait_for, wait_until_nothing_waits
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.releases.mixed_fleet import MixedFleet
from tests.support.deployment.releases.next_release import NEXT_PHASES, NEXT_RELEASE
from tests.support.deployment.releases.previous import UnpackedRelease
from tests.support.ledger.bare_database import SCHEMA_0_1_0, migrate
from tradecapture.cli import cli
from tradecapture.ledger import SchemaError, check_schema, upgrade
from tradecapture.ledger.schema.phases import BASE, PHASES
from tradecapture.ledger.schema.upgrades import (
    SchemaVersion,
    contract,
    contract_sql,
    newest_revision,
    pending_contractions,
    revision_of,
    schema_problem,
    upgrade_sql,
)
from tradecapture.version import VERSION

NEWEST = newest_revision()
CONTRACTED = SchemaVersion("0005", "0004")  # after the contraction of the next release
REFUSAL = "contracted to revision 0005 by a newer release"

RunDb = Callable[..., Result]

sqlite_only = pytest.mark.parametrize("deployment", ["sqlite"], indirect=True)


@pytest.fixture
def run_db(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> RunDb:
    """Return a function that runs `tradecapture db` of the next release."""
    database = import_module("tradecapture.cli.commands.db")  # the package's name is its group
    for name in ("pending_contractions", "contract_schema", "check_schema"):
        monkeypatch.setattr(database, name, partial(getattr(database, name), phases=NEXT_PHASES))
    monkeypatch.setattr(database, "VERSION", NEXT_RELEASE)
    settings = deployment.settings

    def run(*words: str) -> Result:
        urls = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
        variables = {f"TRADECAPTURE_{name}": url for name, url in urls.items()}
        return CliRunner().invoke(cli, ["db", *words], env=variables)

    return run


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        (SchemaVersion(BASE, NEWEST), ""),
        (SchemaVersion(BASE, "0004"), ""),  # more than it needs
        (SchemaVersion(None, None), "at revision none, this release needs"),
        (SchemaVersion("0001", None), "at revision 0001, this release needs"),
        (SCHEMA_0_1_0, "at revision 0002, this release needs"),
        (CONTRACTED, REFUSAL),
    ],
)
def test_a_release_accepts_more_than_it_needs_and_nothing_less(
    version: SchemaVersion, problem: str
) -> None:
    """A schema may have more than needed; the message about a lack says what to do."""
    problem_text = schema_problem(version)
    assert (problem in problem_text) if problem else not problem_text
    if problem:
        assert "accepted trades wait" in problem_text
        assert ("db upgrade" in problem_text) == ("needs" in problem)


def test_only_the_floor_is_what_the_first_release_compares_with(first_schema: Engine) -> None:
    """An upgrade keeps the `alembic_version` that 0.1.0 requires, and can be downgraded."""
    assert revision_of(first_schema) == SCHEMA_0_1_0
    upgrade(first_schema)
    assert revision_of(first_schema) == SchemaVersion(BASE, NEWEST)
    with first_schema.connect() as connection:
        floors = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()
        assert list(floors) == [BASE]
    migrate(first_schema, SCHEMA_0_1_0)
    with pytest.raises(SchemaError, match="Run `tradecapture db upgrade`"):
        check_schema(first_schema)


@sqlite_only
def test_a_new_worker_is_refused_by_an_first_schema(
    deployment: Deployment, first: UnpackedRelease, first_schema: Engine, fleet: MixedFleet
) -> None:
    """On the schema of 0.1.0 a new worker ends; after the upgrade both releases capture."""
    gateway = deployment.gateway()
    fleet.worker("old", first.code).wait_ready()
    refused = fleet.worker("new", ROOT)
    assert refused.process.wait(60) != 0
    assert "Run `tradecapture db upgrade`" in refused.log.read_text()
    gateway.accept(submissions(5, "B1"))
    wait_until_nothing_waits(gateway)
    upgrade(first_schema)
    refused.launch().wait_ready()
    fleet.wait_for_releases(first.version, VERSION)


@sqlite_only
def test_a_schema_is_expanded_for_two_releases_and_contracted_for_one(
    deployment: Deployment,
    engine: Engine,
    fleet: MixedFleet,
    run_db: RunDb,
) -> None:
    """Both releases run on the expanded schema; only the newer one on the contracted schema."""
    upgrade(engine, NEXT_PHASES)
    older = fleet.worker("this", ROOT)
    newer = fleet.worker("next", ROOT, "tests.support.deployment.releases.next_worker")
    older.wait_ready()
    newer.wait_ready()
    gateway = deployment.gateway()
    fleet.wait_for_releases(VERSION, NEXT_RELEASE)
    gateway.accept(submissions(20, "B1") + submissions(20, "B2"))
    wait_until_nothing_waits(gateway)
    for phases in (PHASES, NEXT_PHASES):
        check_schema(engine, phases)

    refused = run_db("contract", "--yes")
    assert refused.exit_code == 1
    assert f"workers of other releases run ({VERSION}: this@" in refused.stderr
    older.stop()
    shown = run_db("contract")
    assert shown.exit_code == 1
    assert "0005: The outbox goes" in shown.stderr
    assert "Nothing was done" in shown.stderr
    assert "outbox" in inspect(engine).get_table_names()
    done = run_db("contract", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "outbox" not in inspect(engine).get_table_names()
    assert "Nothing to contract" in run_db("contract", "--yes").stdout

    older.launch()
    assert older.process.wait(60) != 0
    assert REFUSAL in older.log.read_text()
    gateway.accept(submissions(5, "B1", 21))
    wait_for("captured", lambda: len(gateway.ledger.outcomes(ids("B1", 25))) == 25)


def test_an_expansion_is_needed_before_a_contraction(engine: Engine) -> None:
    """A contraction is refused while the schema lacks an expansion of the same release."""
    assert [step.revision for step in pending_contractions(engine, NEXT_PHASES)] == ["0005"]
    with pytest.raises(SchemaError, match="at revision 0003, this release needs 0004"):
        contract(engine, NEXT_PHASES)
    assert revision_of(engine).contract == BASE


def test_a_release_that_is_rolled_back_to_leaves_what_was_added(engine: Engine) -> None:
    """An older release's upgrade keeps newer expansions, and fails after a contraction."""
    upgrade(engine, NEXT_PHASES)
    upgrade(engine)
    assert revision_of(engine) == SchemaVersion(BASE, "0004")
    contract(engine, NEXT_PHASES)
    with pytest.raises(SchemaError, match=REFUSAL):
        upgrade(engine)
    assert revision_of(engine) == CONTRACTED


def test_an_administrator_is_shown_what_is_missing_only(capsys: pytest.CaptureFixture[str]) -> None:
    """`--since` leaves out what the database has; contractions are printed separately."""
    upgrade_sql("postgresql", "0002", NEXT_PHASES)
    text = capsys.readouterr().out
    assert "CREATE TABLE trades" not in text
    assert "CREATE INDEX CONCURRENTLY partitions_book" in text
    assert "ADD COLUMN desk" in text
    assert "DROP TABLE" not in text
    upgrade_sql("postgresql", "0003", NEXT_PHASES)
    text = capsys.readouterr().out
    assert "CREATE INDEX" not in text
    assert "ADD COLUMN desk" in text
    upgrade_sql("postgresql", "0004", NEXT_PHASES)
    assert capsys.readouterr().out == ""
    contract_sql("postgresql", phases=NEXT_PHASES)
    assert "DROP TABLE outbox" in capsys.readouterr().out
