"""Upgrades of the schema: expand it, contract it, and check it before work begins."""

from typing import NamedTuple

from sqlalchemy import Connection, Engine

from tradecapture.ledger.schema.migration_lock import migration_lock
from tradecapture.ledger.schema.phases import BASE, PHASES, Migration, MigrationPhases

_NOTHING_CHANGED = "Nothing was changed, and accepted trades wait in their inboxes. "


class SchemaError(RuntimeError):
    """The database does not have the tables that this release can work with."""


class SchemaVersion(NamedTuple):
    """The revision of each phase that a database has; None: no migration of the phase has run."""

    contract: str | None
    expand: str | None

    def __str__(self) -> str:
        """Return the newest revision of both phases."""
        return max(self.contract or "", self.expand or "") or "none"


def upgrade(engine: Engine, phases: MigrationPhases = PHASES) -> None:
    """Add to a database what this release needs. May run twice, and by two processes at once.

    Only expand migrations run, so processes of older releases keep working. If another process
    migrates the database, this one waits for it. What a newer release has added stays.

    Raises:
        SchemaError: a newer release has contracted the schema; the message says what to do.
    """
    with migration_lock(engine), engine.connect() as connection:
        check_not_contracted(connection, phases)
        version = _schema_version(connection, phases)
        connection.commit()  # each migration begins its own transaction
        if (version.contract or "") < BASE:
            phases.contract.upgrade(connection, BASE)
            connection.commit()
        if (version.expand or "") < newest_revision(phases):
            phases.expand.upgrade(connection, "head")
            connection.commit()


def contract(engine: Engine, phases: MigrationPhases = PHASES) -> None:
    """Remove what only older releases need. None of their processes may run any more.

    Raises:
        SchemaError: the database was not upgraded for this release yet.
    """
    check_schema(engine, phases)
    with migration_lock(engine), engine.connect() as connection:
        phases.contract.upgrade(connection, "head")
        connection.commit()


def pending_contractions(engine: Engine, phases: MigrationPhases = PHASES) -> list[Migration]:
    """Return the contract migrations that have not run on a database, the oldest first."""
    revision = revision_of(engine, phases).contract or BASE
    return [m for m in phases.contract_migrations() if m.revision > revision]


def upgrade_sql(dialect_name: str, since: str = "", phases: MigrationPhases = PHASES) -> None:
    """Print the statements of `upgrade` instead of running them, for a database administrator.

    Args:
        dialect_name: of the database.
        since: the newest revision that the database has; empty: it has none.
        phases: the migrations.
    """
    if since < BASE:
        phases.contract.print_sql(dialect_name, since, BASE)
    done = [m.revision for m in phases.expand.migrations() if m.revision <= since]
    if done[-1:] != [phases.expand.newest_revision()]:
        phases.expand.print_sql(dialect_name, done[-1] if done else "", "head")


def contract_sql(dialect_name: str, since: str = BASE, phases: MigrationPhases = PHASES) -> None:
    """Print the statements of `contract`, if there are any, instead of running them."""
    if since < phases.contract.newest_revision():
        phases.contract.print_sql(dialect_name, since, "head")


def revision_of(engine: Engine, phases: MigrationPhases = PHASES) -> SchemaVersion:
    """Return the schema version of a database."""
    with engine.connect() as connection:
        return _schema_version(connection, phases)


def newest_revision(phases: MigrationPhases = PHASES) -> str:
    """Return the schema revision that this release needs."""
    return phases.expand.newest_revision()


def check_schema(engine: Engine, phases: MigrationPhases = PHASES) -> None:
    """Check that this release can work with the tables of a database.

    Raises:
        SchemaError: it cannot; the message says what to do.
    """
    if problem := schema_problem(revision_of(engine, phases), phases):
        raise SchemaError(problem)


def check_not_contracted(connection: Connection, phases: MigrationPhases = PHASES) -> None:
    """Check that no newer release has removed from the schema what this release may need.

    Raises:
        SchemaError: a newer release has; the message says what to do.
    """
    if problem := _contract_problem(phases.contract.revision(connection), phases):
        raise SchemaError(problem)


def schema_problem(version: SchemaVersion, phases: MigrationPhases = PHASES) -> str:
    """Return why this release cannot work with a schema, and what to do; empty: it can.

    A schema may have more than this release needs, but not less.
    """
    needed = newest_revision(phases)
    if problem := _contract_problem(version.contract, phases):
        return problem
    if (version.contract or "") < BASE or (version.expand or "") < needed:
        return (
            f"the ledger's schema is at revision {version}, this release needs {needed}. "
            f"{_NOTHING_CHANGED}Run `tradecapture db upgrade`, then start again"
        )
    return ""


def _contract_problem(revision: str | None, phases: MigrationPhases) -> str:
    if (revision or "") <= phases.contract.newest_revision():
        return ""
    return (
        f"the ledger's schema was contracted to revision {revision} by a newer release, and "
        f"this one knows contractions up to {phases.contract.newest_revision()} only. "
        f"{_NOTHING_CHANGED}Upgrade this process to the release that contracted it"
    )


def _schema_version(connection: Connection, phases: MigrationPhases) -> SchemaVersion:
    return SchemaVersion(phases.contract.revision(connection), phases.expand.revision(connection))
