"""Migrating: bare databases on each kind of server, and what differs from the code's tables."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from tradecapture.ledger.schema.phases import BASE, PHASES, MigrationPhase
from tradecapture.ledger.schema.tables import metadata
from tradecapture.ledger.schema.upgrades import SchemaVersion, revision_of

VERSION_TABLES = {line.version_table for line in PHASES}
FIRST = SchemaVersion("0001", None)  # the first tables of all
SCHEMA_0_1_0 = SchemaVersion(BASE, None)  # what release 0.1.0 makes
SCHEMA_0_2_0 = SchemaVersion(BASE, "0003")


def differences(engine: Engine) -> Any:
    """Return what alembic finds to differ from the tables of the code; nothing is right."""

    def include(_thing: object, name: str | None, kind: str, _found: bool, _other: object) -> bool:
        return kind != "table" or name not in VERSION_TABLES

    opts = {"compare_type": True, "include_object": include}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=opts)
        return compare_metadata(context, metadata)


def migrate(engine: Engine, wanted: SchemaVersion) -> None:
    """Bring a database to a version, up or down."""
    before = revision_of(engine)
    with engine.connect() as connection:
        # Down with what was added last first, up with the floor first.
        for line, old, new in (
            (PHASES.expansions, before.expansion, wanted.expansion),
            (PHASES.contractions, before.contractions, wanted.contractions),
            (PHASES.expansions, before.expansion, wanted.expansion),
        ):
            _move(line, connection, old, new)
    assert revision_of(engine) == wanted


def _move(line: MigrationPhase, connection: Any, old: str | None, new: str | None) -> None:
    if (new or "") < (old or ""):
        line.downgrade(connection, new or "base")
    elif (new or "") > (old or "") and (
        line is PHASES.contractions or PHASES.contractions.found(connection)
    ):
        connection.commit()
        line.upgrade(connection, new or "")
    connection.commit()
