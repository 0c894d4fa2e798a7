"""The schema of the ledger: expanded, contracted, and checked before work begins."""

from typing import NamedTuple

from sqlalchemy import Connection, Engine

from tradecapture.ledger.schema.migration_lock import migration_lock
from tradecapture.ledger.schema.phases import BASE, LINES, Lines, Migration

WAITS = "Nothing was changed, and accepted trades wait in their inboxes. "


class SchemaError(RuntimeError):
    """The database does not have the tables that this release can work with."""


class SchemaVersion(NamedTuple):
    """How far a database is; None: nothing of that line."""

    floor: str | None
    expansion: str | None

    def __str__(self) -> str:
        """Return the newest revision of both."""
        return max(self.floor or "", self.expansion or "") or "none"


def upgrade(engine: Engine, lines: Lines = LINES) -> None:
    """Add to the database's tables what this release needs. Harmless when run twice, or by two.

    Only expand migrations: processes of older releases work on. Waits for another that migrates.
    What a newer release has added stays: a release that is rolled back to finds nothing to do.

    Raises:
        SchemaError: a newer release has contracted the schema; the message says what to do.
    """
    with migration_lock(engine), engine.connect() as connection:
        check_not_contracted(connection, lines)
        floor, expansion = lines.floor.found(connection), lines.expansions.found(connection)
        connection.commit()  # each migration begins its own transaction
        if (floor or "") < BASE:
            lines.floor.upgrade(connection, BASE)
            connection.commit()
        if (expansion or "") < newest_revision(lines):
            lines.expansions.upgrade(connection, "head")
            connection.commit()


def contract(engine: Engine, lines: Lines = LINES) -> None:
    """Take away what only older releases need; none of their processes may run.

    Raises:
        SchemaError: the database was not upgraded for this release yet.
    """
    check_schema(engine, lines)
    with migration_lock(engine), engine.connect() as connection:
        lines.floor.upgrade(connection, "head")
        connection.commit()


def contractions(engine: Engine, lines: Lines = LINES) -> list[Migration]:
    """Return the contract migrations that a database has not had yet, the oldest first."""
    floor = revision_of(engine, lines).floor or BASE
    return [migration for migration in lines.contractions() if migration.revision > floor]


def upgrade_sql(dialect_name: str, since: str = "", lines: Lines = LINES) -> None:
    """Print the statements of `upgrade` for a database administrator, instead of running them.

    Args:
        dialect_name: of the database.
        since: the newest revision that the database has already; empty: it has none.
        lines: the migrations.
    """
    if since < BASE:
        lines.floor.print_sql(dialect_name, since, BASE)
    done = [m.revision for m in lines.expansions.migrations() if m.revision <= since]
    if done[-1:] != [lines.expansions.newest()]:
        lines.expansions.print_sql(dialect_name, done[-1] if done else "", "head")


def contract_sql(dialect_name: str, since: str = BASE, lines: Lines = LINES) -> None:
    """Print the statements of `contract` instead of running them; nothing where there are none."""
    if since < lines.floor.newest():
        lines.floor.print_sql(dialect_name, since, "head")


def revision_of(engine: Engine, lines: Lines = LINES) -> SchemaVersion:
    """Return how far a database is."""
    with engine.connect() as connection:
        return SchemaVersion(lines.floor.found(connection), lines.expansions.found(connection))


def newest_revision(lines: Lines = LINES) -> str:
    """Return the schema revision that this release needs."""
    return lines.expansions.newest()


def check_schema(engine: Engine, lines: Lines = LINES) -> None:
    """Make sure that the tables are there, and those that this release can work with.

    Raises:
        SchemaError: they are not; the message says what to do.
    """
    if problem := judge(revision_of(engine, lines), lines):
        raise SchemaError(problem)


def check_not_contracted(connection: Connection, lines: Lines = LINES) -> None:
    """Make sure that no newer release has taken away from the schema what this one may need.

    Raises:
        SchemaError: one has; the message says what to do.
    """
    if problem := _judge_floor(lines.floor.found(connection), lines):
        raise SchemaError(problem)


def judge(found: SchemaVersion, lines: Lines = LINES) -> str:
    """Return why this release cannot work with a schema, and what to do; empty: it can.

    A schema may have more than this release needs, but may not lack what it still uses.
    """
    wanted = newest_revision(lines)
    if problem := _judge_floor(found.floor, lines):
        return problem
    if (found.floor or "") < BASE or (found.expansion or "") < wanted:
        return (
            f"the ledger's schema is at revision {found}, this release needs {wanted}. {WAITS}"
            "Run `tradecapture db upgrade`, then start again"
        )
    return ""


def _judge_floor(floor: str | None, lines: Lines) -> str:
    if (floor or "") <= lines.floor.newest():
        return ""
    return (
        f"the ledger's schema was contracted to revision {floor} by a newer release, and this one "
        f"knows contractions up to {lines.floor.newest()} only. {WAITS}"
        "Upgrade this process to the release that contracted it"
    )
