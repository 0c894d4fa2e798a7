"""The schema of the ledger: expanded, contracted, and checked before work begins."""

from typing import NamedTuple

from sqlalchemy import Connection, Engine

from tradecapture.ledger.schema.migration_lock import migration_lock
from tradecapture.ledger.schema.phases import BASE, PHASES, Migration, MigrationPhases

WAITS = "Nothing was changed, and accepted trades wait in their inboxes. "


class SchemaError(RuntimeError):
    """The database does not have the tables that this release can work with."""


class SchemaVersion(NamedTuple):
    """How far a database is; None: nothing of that line."""

    contractions: str | None
    expansion: str | None

    def __str__(self) -> str:
        """Return the newest revision of both."""
        return max(self.contractions or "", self.expansion or "") or "none"


def upgrade(engine: Engine, lines: MigrationPhases = PHASES) -> None:
    """Add to the database's tables what this release needs. Harmless when run twice, or by two.

    Only expand migrations: processes of older releases work on. Waits for another that migrates.
    What a newer release has added stays: a release that is rolled back to finds nothing to do.

    Raises:
        SchemaError: a newer release has contracted the schema; the message says what to do.
    """
    with migration_lock(engine), engine.connect() as connection:
        check_not_contracted(connection, lines)
        contractions, expansion = (
            lines.contractions.found(connection),
            lines.expansions.found(connection),
        )
        connection.commit()  # each migration begins its own transaction
        if (contractions or "") < BASE:
            lines.contractions.upgrade(connection, BASE)
            connection.commit()
        if (expansion or "") < newest_revision(lines):
            lines.expansions.upgrade(connection, "head")
            connection.commit()


def contract(engine: Engine, lines: MigrationPhases = PHASES) -> None:
    """Take away what only older releases need; none of their processes may run.

    Raises:
        SchemaError: the database was not upgraded for this release yet.
    """
    check_schema(engine, lines)
    with migration_lock(engine), engine.connect() as connection:
        lines.contractions.upgrade(connection, "head")
        connection.commit()


def contractions(engine: Engine, lines: MigrationPhases = PHASES) -> list[Migration]:
    """Return the contract migrations that a database has not had yet, the oldest first."""
    done = revision_of(engine, lines).contractions or BASE
    return [migration for migration in lines.contract_migrations() if migration.revision > done]


def upgrade_sql(dialect_name: str, since: str = "", lines: MigrationPhases = PHASES) -> None:
    """Print the statements of `upgrade` for a database administrator, instead of running them.

    Args:
        dialect_name: of the database.
        since: the newest revision that the database has already; empty: it has none.
        lines: the migrations.
    """
    if since < BASE:
        lines.contractions.print_sql(dialect_name, since, BASE)
    done = [m.revision for m in lines.expansions.migrations() if m.revision <= since]
    if done[-1:] != [lines.expansions.newest()]:
        lines.expansions.print_sql(dialect_name, done[-1] if done else "", "head")


def contract_sql(dialect_name: str, since: str = BASE, lines: MigrationPhases = PHASES) -> None:
    """Print the statements of `contract` instead of running them; nothing where there are none."""
    if since < lines.contractions.newest():
        lines.contractions.print_sql(dialect_name, since, "head")


def revision_of(engine: Engine, lines: MigrationPhases = PHASES) -> SchemaVersion:
    """Return how far a database is."""
    with engine.connect() as connection:
        return SchemaVersion(
            lines.contractions.found(connection), lines.expansions.found(connection)
        )


def newest_revision(lines: MigrationPhases = PHASES) -> str:
    """Return the schema revision that this release needs."""
    return lines.expansions.newest()


def check_schema(engine: Engine, lines: MigrationPhases = PHASES) -> None:
    """Make sure that the tables are there, and those that this release can work with.

    Raises:
        SchemaError: they are not; the message says what to do.
    """
    if problem := judge(revision_of(engine, lines), lines):
        raise SchemaError(problem)


def check_not_contracted(connection: Connection, lines: MigrationPhases = PHASES) -> None:
    """Make sure that no newer release has taken away from the schema what this one may need.

    Raises:
        SchemaError: one has; the message says what to do.
    """
    if problem := _assess_floor(lines.contractions.found(connection), lines):
        raise SchemaError(problem)


def judge(found: SchemaVersion, lines: MigrationPhases = PHASES) -> str:
    """Return why this release cannot work with a schema, and what to do; empty: it can.

    A schema may have more than this release needs, but may not lack what it still uses.
    """
    wanted = newest_revision(lines)
    if problem := _assess_floor(found.contractions, lines):
        return problem
    if (found.contractions or "") < BASE or (found.expansion or "") < wanted:
        return (
            f"the ledger's schema is at revision {found}, this release needs {wanted}. {WAITS}"
            "Run `tradecapture db upgrade`, then start again"
        )
    return ""


def _assess_floor(contractions: str | None, lines: MigrationPhases) -> str:
    if (contractions or "") <= lines.contractions.newest():
        return ""
    return (
        f"the ledger's schema was contracted to revision {contractions} by a newer release, and "
        f"this one knows contractions up to {lines.contractions.newest()} only. {WAITS}"
        "Upgrade this process to the release that contracted it"
    )
