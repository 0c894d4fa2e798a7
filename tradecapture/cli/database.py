"""`tradecapture db`: the ledger's tables."""

from pathlib import Path

import click

from tradecapture.cli.epilog import epilog
from tradecapture.cli.place import DATABASE, data_option, locate
from tradecapture.cli.screen import output
from tradecapture.ledger.dialects import DIALECTS
from tradecapture.ledger.engine import make_engine
from tradecapture.ledger.schema import newest_revision, revision_of, upgrade_sql
from tradecapture.ledger.schema import upgrade as upgrade_schema


@click.group("db")
def database() -> None:
    """Look after the ledger's tables."""


@database.command(
    epilog=epilog(
        "TRADECAPTURE_DATABASE_URL=postgresql://desk@db/ledger tradecapture db upgrade",
        "tradecapture db upgrade --sql mssql > ledger.sql",
    )
)
@click.option(
    "--sql",
    "dialect",
    type=click.Choice(sorted(DIALECTS)),
    metavar="DIALECT",
    help="Print the statements for this database instead: sqlite, postgresql or mssql.",
)
@data_option
def upgrade(dialect: str | None, data: Path) -> None:
    """Bring the tables of TRADECAPTURE_DATABASE_URL up to this release; harmless when run twice."""
    if dialect:
        upgrade_sql(dialect)
        return
    settings = locate(data, DATABASE)
    engine, _dialect = make_engine(
        settings.database_url, pool_size=1, timeout_seconds=settings.connect_seconds
    )
    try:
        before = revision_of(engine)
        upgrade_schema(engine)
    finally:
        engine.dispose()
    newest = newest_revision()
    output().print(
        f"The tables were at revision {newest} already."
        if before == newest
        else f"The tables are now at revision {newest} (before: {before or 'none'})."
    )
