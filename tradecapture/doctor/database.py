"""Findings on the database: whether a commit lasts, and whether the tables are right."""

from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError

from tradecapture.connections.urls import without_password
from tradecapture.doctor.connection_budget import assess_pools
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import database_cause, open_engine
from tradecapture.ledger.schema.upgrades import newest_revision, revision_of, schema_problem
from tradecapture.settings import Settings

# Setting -> its right values, the level of any other value, the cure. A setting that the database
# does not have is not assessed.
RIGHT_VALUES: Mapping[str, tuple[tuple[str, ...], Level, str]] = {
    "default_transaction_isolation": (
        ("read committed",),
        Level.WARN,
        "a stricter isolation only makes captures fail and run again: set "
        "`default_transaction_isolation = 'read committed'`",
    ),
    "synchronous_commit": (
        ("on", "local", "remote_write", "remote_apply"),
        Level.FAIL,
        "trades are removed from Redis after a commit that is not on disk yet: set "
        "`synchronous_commit = on`",
    ),
    "read_committed_snapshot": (
        ("1",),
        Level.WARN,
        "readers wait for captures: `ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON`",
    ),
    "journal_mode": (("wal",), Level.WARN, "readers wait for captures: use a local file system"),
    "synchronous": (("2", "3"), Level.FAIL, "a commit may be lost in a power cut: use FULL"),
}


def check_database(settings: Settings, processes: int | None) -> list[Finding]:
    """Ask the database; return one FAIL if it does not answer.

    Args:
        settings: name the database, and say how many connections a process takes.
        processes: how many processes connect to the database; None: leave their connections out.

    Raises:
        SettingsError: the ledger cannot use the kind of database that the URL names.
    """
    url = without_password(settings.database_url)
    try:
        with open_engine(settings) as (engine, dialect):
            revision = revision_of(engine)
            facts = LedgerReader(engine, dialect).server_findings()
    except SQLAlchemyError as error:
        cure = (
            "start it, or correct TRADECAPTURE_DATABASE_URL; until then accepted trades wait "
            "safely in Redis"
        )
        message = f"{url} does not answer: {database_cause(error)}"
        return [Finding(Level.FAIL, "database", message, cure)]
    problem = schema_problem(revision)
    findings = [
        Finding(Level.OK, "database", f"{url} answers"),
        finding(
            "schema",
            f"revision {revision}, this release needs {newest_revision()}",
            Level.FAIL if problem else Level.OK,
            problem,
        ),
        *assess_database(facts),
    ]
    if processes is not None:
        findings.append(assess_pools(facts.get("max_connections"), processes, settings.pool_size))
    return findings


def assess_database(facts: Mapping[str, str]) -> list[Finding]:
    """Assess the versions and settings that the database reports. Pure."""
    findings = [
        Finding(Level.OK, "database version", facts[name])
        for name in ("server_version", "sqlite_version")
        if name in facts
    ]
    for name, (right_values, wrong, cure) in RIGHT_VALUES.items():
        if name in facts:
            level = Level.OK if facts[name].lower() in right_values else wrong
            findings.append(finding(f"database {name}", facts[name], level, cure))
    return findings
