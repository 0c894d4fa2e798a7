"""Findings on the database: does a commit last, are the tables right, are there connections."""

from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError

from tradecapture.connections.urls import without_password
from tradecapture.doctor.connection_budget import crowded
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import database_cause, make_engine
from tradecapture.ledger.schema.upgrades import judge, newest_revision, revision_of
from tradecapture.settings import Settings

# Setting -> its right values, how bad another is, the cure. A setting that a database does not
# have is not judged.
RIGHT: Mapping[str, tuple[tuple[str, ...], Level, str]] = {
    "default_transaction_isolation": (
        ("read committed",),
        Level.WARN,
        "a stricter isolation only makes captures fail and run again: set "
        "`default_transaction_isolation = 'read committed'`",
    ),
    "synchronous_commit": (
        ("on", "local", "remote_write", "remote_apply"),
        Level.FAIL,
        "a commit that is not on disk yet removes trades from Redis: set `synchronous_commit = on`",
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
    """Ask the database, and judge the answers; one FAIL where it does not answer.

    Args:
        settings: where it is, and how many connections a process takes.
        processes: that hold connections; None: their budget is worked out elsewhere.

    Raises:
        SettingsError: the URL is of no database that the ledger can use.
    """
    url = without_password(settings.database_url)
    engine, dialect = make_engine(
        settings.database_url, pool_size=1, timeout_seconds=settings.connect_seconds
    )
    try:
        revision = revision_of(engine)
        facts = LedgerReader(engine, dialect).server_findings()
    except SQLAlchemyError as error:
        cure = (
            "start it, or correct TRADECAPTURE_DATABASE_URL; until then accepted trades wait "
            "safely in Redis"
        )
        message = f"{url} does not answer: {database_cause(error)}"
        return [Finding(Level.FAIL, "database", message, cure)]
    finally:
        engine.dispose()
    findings = [
        Finding(Level.OK, "database", f"{url} answers"),
        finding(
            "schema",
            f"revision {revision}, this release needs {newest_revision()}",
            Level.FAIL if (problem := judge(revision)) else None,
            problem,
        ),
        *assess_database(facts),
    ]
    if processes is not None:
        limit = facts.get("max_connections")
        findings.append(assess_budget(limit, processes, settings.pool_size))
    return findings


def assess_database(facts: Mapping[str, str]) -> list[Finding]:
    """Judge what the database says of itself. Pure."""
    findings = [
        Finding(Level.OK, "database version", facts[name])
        for name in ("server_version", "sqlite_version")
        if name in facts
    ]
    for name, (right, bad, cure) in RIGHT.items():
        if name in facts:
            level = None if facts[name].lower() in right else bad
            findings.append(finding(f"database {name}", facts[name], level, cure))
    return findings


def assess_budget(limit: str | None, processes: int, pool_size: int) -> Finding:
    """Judge whether the processes' pools fit into the server's connections. Pure."""
    subject, wanted = "connection budget", processes * pool_size
    each = f"{processes} processes x {pool_size} connections = {wanted}"
    if limit is None:
        message = f"{each}; SQLite has no limit, but one writer at a time and one machine"
        return Finding(Level.OK, subject, message)
    return finding(
        subject,
        f"{each} of the server's {limit}",
        crowded(wanted, int(limit)),
        "raise the server's limit, lower TRADECAPTURE_POOL_SIZE or run fewer processes; a capture "
        "needs one connection",
    )
