"""The schema of the ledger: brought up to date with alembic, and checked before work begins."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


class SchemaError(RuntimeError):
    """The database does not have the tables of this release."""


def upgrade(engine: Engine) -> None:
    """Bring the database's tables up to this release. Harmless when run twice."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def upgrade_sql(dialect_name: str) -> None:
    """Print the statements of `upgrade` for a database administrator, instead of running them."""
    config = _config()
    config.attributes["dialect_name"] = dialect_name
    command.upgrade(config, "head", sql=True)


def revision_of(engine: Engine) -> str | None:
    """Return the schema revision that a database has; None: it has no tables of ours."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Return the schema revision of this release."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def check_schema(engine: Engine) -> None:
    """Make sure that the tables are there.

    Raises:
        SchemaError: they are not, or not those of this release; the message says what to do.
    """
    found, wanted = revision_of(engine), newest_revision()
    if found != wanted:
        raise SchemaError(
            f"the ledger's schema is at revision {found or 'none'}, this release needs {wanted}. "
            "Nothing was changed, and accepted trades wait in their inboxes. "
            "Run `tradecapture db upgrade`, then start again"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("tradecapture.ledger") / "migrations"))
    return config
