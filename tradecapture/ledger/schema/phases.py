"""Migration phases: expand and contract, so that two releases can work on one schema.

An expand migration only adds what older releases ignore; it runs before the first process of a new
release starts. A contract migration removes what new releases no longer need; it runs after the
last process of an older release has ended. Each phase has a version table: contract has
`alembic_version`, which release 0.1.0 compares with, and expand has `schema_expansion`.
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

# The revision of the first tables. Later revisions of the contract phase are contract migrations.
BASE = "0002"


class Migration(NamedTuple):
    """A migration, and what it does in one sentence."""

    revision: str
    what: str


class MigrationPhase(NamedTuple):
    """The migrations of a phase in order. Revisions have four digits, so they compare as text."""

    version_table: str
    folders: tuple[Path, ...]

    def config(self) -> Config:
        """Return the configuration for alembic's commands."""
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

    def newest_revision(self) -> str:
        """Return the newest revision."""
        return self.migrations()[-1].revision

    def revision(self, connection: Connection) -> str | None:
        """Return the revision that a database has; None: no migration of this phase has run."""
        context = MigrationContext.configure(connection, opts={"version_table": self.version_table})
        return context.get_current_revision()

    def upgrade(self, connection: Connection, revision: str) -> None:
        """Run the migrations up to a revision, each in its own transaction."""
        config = self.config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    def downgrade(self, connection: Connection, revision: str) -> None:
        """Undo migrations, down to a revision or to `base`."""
        config = self.config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    def print_sql(self, dialect_name: str, start: str, revision: str) -> None:
        """Print the statements of the migrations after `start` ("" is before the first)."""
        config = self.config()
        config.attributes["dialect_name"] = dialect_name
        command.upgrade(config, f"{start}:{revision}" if start else revision, sql=True)


class MigrationPhases(NamedTuple):
    """The migrations of a release."""

    contract: MigrationPhase
    expand: MigrationPhase

    def contract_migrations(self) -> Iterator[Migration]:
        """Yield the contract migrations, the oldest first."""
        return (m for m in self.contract.migrations() if m.revision > BASE)


PHASES = MigrationPhases(
    MigrationPhase("alembic_version", (_HOME / "versions",)),
    MigrationPhase("schema_expansion", (_HOME / "expansions",)),
)
