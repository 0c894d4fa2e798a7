"""Migrations of a test's database: to any version, and compared with the tables of the code."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from tradecapture.ledger.schema.phases import BASE, PHASES, MigrationPhase
from tradecapture.ledger.schema.tables import metadata
from tradecapture.ledger.schema.upgrades import SchemaVersion, revision_of

VERSION_TABLES = {phase.version_table for phase in PHASES}
FIRST = SchemaVersion("0001", None)  # the very first tables
SCHEMA_0_1_0 = SchemaVersion(BASE, None)  # what release 0.1.0 creates
SCHEMA_0_2_0 = SchemaVersion(BASE, "0003")


def differences(engine: Engine) -> Any:
    """Return what differs from the tables of the code, by alembic; nothing should."""

    def include(_thing: object, name: str | None, kind: str, _found: bool, _other: object) -> bool:
        return kind != "table" or name not in VERSION_TABLES

    opts = {"compare_type": True, "include_object": include}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=opts)
        return compare_metadata(context, metadata)


def migrate(engine: Engine, version: SchemaVersion) -> None:
    """Bring a database to a version, up or down."""
    before = revision_of(engine)
    with engine.connect() as connection:
        # Down in the opposite order of up: the contract phase begins with the first tables.
        for phase, old, new in (
            (PHASES.expand, before.expand, version.expand),
            (PHASES.contract, before.contract, version.contract),
            (PHASES.expand, before.expand, version.expand),
        ):
            _move(phase, connection, old, new)
    assert revision_of(engine) == version


def _move(phase: MigrationPhase, connection: Any, old: str | None, new: str | None) -> None:
    if (new or "") < (old or ""):
        phase.downgrade(connection, new or "base")
    elif (new or "") > (old or "") and (
        phase is PHASES.contract or PHASES.contract.revision(connection)
    ):
        connection.commit()
        phase.upgrade(connection, new or "")
    connection.commit()
