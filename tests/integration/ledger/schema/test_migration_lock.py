"""The migration lock: two migration jobs at once do no harm, on each database."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine

from tests.support import ROOT
from tests.support.api.servers import environment_of
from tests.support.deployment.completion import wait_for
from tests.support.ledger.bare_database import SCHEMA_0_1_0, differences, migrate
from tradecapture.ledger import check_schema, upgrade
from tradecapture.ledger.schema.migration_lock import migration_lock

JOBS = 3
WAITING = "another process migrates the ledger"


def start_job(url: str) -> "subprocess.Popen[str]":
    """Start a migration job, as an operator or an orchestrator does."""
    return subprocess.Popen(
        [sys.executable, "-m", "tradecapture", "db", "upgrade"],
        cwd=ROOT,
        env=environment_of(database_url=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_migration_jobs_at_once_wait_for_each_other(bare: Engine, bare_url: str) -> None:
    """While the lock is held they wait; then one migrates, and the others find it done."""
    with migration_lock(bare):
        jobs = [start_job(bare_url) for _ in range(JOBS)]
        for job in jobs:
            assert job.stdout is not None
            assert WAITING in job.stdout.readline()
            assert job.poll() is None
    said = [job.communicate(timeout=100)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0] * JOBS, said
    assert sum("(before: none)" in text for text in said) >= 1, said
    check_schema(bare)
    assert differences(bare) == []


def test_a_migration_job_that_dies_leaves_no_lock(bare: Engine, bare_url: str) -> None:
    """Its lock ends with it, and the next one migrates."""
    holder = (
        "import sys; from tradecapture.ledger.engine import make_engine;"
        "from tradecapture.settings import Settings;"
        "from tradecapture.ledger.schema.migration_lock import migration_lock;"
        f"engine, _ = make_engine(Settings(database_url={bare_url!r}))\n"
        "with migration_lock(engine): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        job = start_job(bare_url)
        assert job.stdout is not None
        assert WAITING in job.stdout.readline()
        process.kill()
    said, _ = job.communicate(timeout=100)
    assert job.returncode == 0, said
    check_schema(bare)


def test_a_database_in_memory_needs_no_lock(tmp_path: Path) -> None:
    """Nobody else has it, and no file is left anywhere."""
    engine = create_engine("sqlite://")
    upgrade(engine)
    check_schema(engine)
    assert not list(Path.cwd().glob("*.migrating"))


@pytest.mark.parametrize("bare_url", ["postgresql"], indirect=True)
def test_indexes_on_postgresql_keep_no_capture_waiting(bare: Engine, bare_url: str) -> None:
    """While a transaction keeps the migration waiting, others write into the table on."""
    migrate(bare, SCHEMA_0_1_0)
    write = "UPDATE partitions SET fence = 1"
    with bare.connect() as before:
        # The job may need longer to start than the ledger lets a transaction idle.
        before.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        before.exec_driver_sql(write)
        job = start_job(bare_url)
        with bare.connect() as looking:
            wait_for("the index is being made", lambda: _waits_for_index(looking))
            looking.exec_driver_sql(write)
            looking.commit()
        assert job.poll() is None
        before.rollback()
    said, _ = job.communicate(timeout=100)
    assert job.returncode == 0, said
    assert differences(bare) == []


def _waits_for_index(connection: Connection) -> bool:
    found = connection.exec_driver_sql(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND strpos(query, 'CREATE INDEX CONCURRENTLY') = 1 AND datname = current_database()"
    ).scalar_one()
    connection.rollback()
    return bool(found)
