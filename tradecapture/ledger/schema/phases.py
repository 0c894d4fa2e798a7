"""Lines: the two orders of migrations, so that two releases can work on one schema.

An *expand* migration only adds what older releases do not mind; it is run before the first process
of a new release starts. A *contract* migration takes away what the newest releases need no more; it
is run after the last process of an older release has ended. Each kind has its own version table:
`alembic_version` is the *floor*, which a contract migration raises and which release 0.1.0 compares
with; `schema_expansion` is what has been added.
"""

from collections.abc import Iterator
from importlib.resources import files
from os import pathsep
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_HOME = Path(str(files("tradecapture.ledger.schema") / "migrations"))

# The first tables. What comes after them in the line of the floor are contract migrations.
BASE = "0002"


class Migration(NamedTuple):
    """One migration, and in a sentence what it does."""

    revision: str
    what: str


class MigrationPhase(NamedTuple):
    """Migrations in their order. Revisions are numbers of one length: they compare as text."""

    version_table: str
    folders: tuple[Path, ...]

    def config(self) -> Config:
        """Return what alembic's commands take."""
        config = Config()
        config.set_main_option("script_location", str(_HOME))
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", pathsep.join(map(str, self.folders)))
        config.attributes["version_table"] = self.version_table
        return config

    def migrations(self) -> list[Migration]:
        """Return the migrations, the oldest first."""
        scripts = ScriptDirectory.from_config(self.config()).walk_revisions()
        return [Migration(script.revision, script.doc) for script in scripts][::-1]

    def newest(self) -> str:
        """Return the newest revision."""
        return self.migrations()[-1].revision

    def found(self, connection: Connection) -> str | None:
        """Return the revision that a database has; None: nothing of this line."""
        context = MigrationContext.configure(connection, opts={"version_table": self.version_table})
        return context.get_current_revision()

    def upgrade(self, connection: Connection, revision: str) -> None:
        """Run the migrations up to a revision, each in a transaction of its own."""
        config = self.config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    def downgrade(self, connection: Connection, revision: str) -> None:
        """Take migrations back, down to a revision or to `base`."""
        config = self.config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    def print_sql(self, dialect_name: str, start: str, revision: str) -> None:
        """Print the statements of the migrations after `start` ("" is before the first)."""
        config = self.config()
        config.attributes["dialect_name"] = dialect_name
        command.upgrade(config, f"{start}:{revision}" if start else revision, sql=True)


class MigrationPhases(NamedTuple):
    """The migrations that a release brings."""

    contractions: MigrationPhase
    expansions: MigrationPhase

    def contract_migrations(self) -> Iterator[Migration]:
        """Yield the contract migrations, the oldest first."""
        return (m for m in self.contractions.migrations() if m.revision > BASE)


PHASES = MigrationPhases(
    MigrationPhase("alembic_version", (_HOME / "versions",)),
    MigrationPhase("schema_expansion", (_HOME / "expansions",)),
)
