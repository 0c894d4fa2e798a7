"""`tradecapture db`: the ledger's tables."""

from collections.abc import Sequence
from pathlib import Path

import click

from tradecapture.cli.errors import EXIT_FAULT, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings
from tradecapture.cli.output import output
from tradecapture.doctor.workers import (
    PATIENT_REPLY_TIMEOUT_SECONDS,
    ask_workers,
    workers_by_release,
)
from tradecapture.ledger import check_schema
from tradecapture.ledger.dialects import DIALECTS
from tradecapture.ledger.engine import create_database, open_engine
from tradecapture.ledger.schema.phases import BASE, Migration
from tradecapture.ledger.schema.upgrades import contract as contract_schema
from tradecapture.ledger.schema.upgrades import (
    contract_sql,
    newest_revision,
    pending_contractions,
    revision_of,
    upgrade_sql,
)
from tradecapture.ledger.schema.upgrades import upgrade as upgrade_schema
from tradecapture.settings import DATABASE, Settings
from tradecapture.version import VERSION

sql_option = click.option(
    "--sql",
    "dialect",
    type=click.Choice(sorted(DIALECTS)),
    metavar="DIALECT",
    help="Print the statements for this database instead: sqlite, postgresql or mssql.",
)


@click.group("db")
def database() -> None:
    """Create and upgrade the ledger's tables."""


@database.command(
    epilog=epilog(
        "TRADECAPTURE_DATABASE_URL=postgresql://desk@db/ledger tradecapture db upgrade",
        "tradecapture db upgrade --create",
        "tradecapture db upgrade --sql mssql > ledger.sql",
        "tradecapture db upgrade --sql postgresql --since 0002 > since-0.1.0.sql",
    )
)
@sql_option
@click.option(
    "--since",
    default="",
    metavar="REVISION",
    help="With --sql: print only what comes after this revision, the newest that the database has.",
)
@click.option("--create", is_flag=True, help="First create the database, if it does not exist.")
@data_option
def upgrade(dialect: str | None, since: str, create: bool, data: Path) -> None:
    """Add to the ledger's tables what this release needs.

    Run it on TRADECAPTURE_DATABASE_URL before the first process of this release starts. It only
    adds, so that processes of the previous release keep working. `tradecapture db contract` removes
    later what only they use. Running it twice, or two at once, is harmless.
    """
    if dialect:
        upgrade_sql(dialect, since)
        return
    settings = find_settings(data, DATABASE)
    if create and create_database(settings):
        output().print("The database was created.")
    with open_engine(settings) as (engine, _dialect):
        before = str(revision_of(engine))
        upgrade_schema(engine)
        now = str(revision_of(engine))
    output().print(
        f"The tables were already at revision {now}."
        if before == now
        else f"The tables are now at revision {now} (before: {before})."
    )


@database.command(
    epilog=epilog(
        "tradecapture db contract",
        "tradecapture db contract --yes",
        "tradecapture db contract --sql mssql --since 0002",
        codes="0 done, or nothing to do; 1 not all processes are of this release, or --yes is "
        "missing; 2 wrong use; 3 no answer",
    )
)
@sql_option
@click.option(
    "--since",
    default=BASE,
    show_default=True,
    metavar="REVISION",
    help="With --sql: print only what comes after this revision, the database's last contraction.",
)
@click.option("--yes", is_flag=True, help="Do it: no process of an older release runs any more.")
@data_option
def contract(dialect: str | None, since: str, yes: bool, data: Path) -> None:
    """Remove from the ledger's tables what only older releases need.

    This cannot be undone. Run it when the last process of an older release has ended and none will
    be started again: such a process is refused from then on. Without --yes it changes nothing and
    only shows what it would do.
    """
    if dialect:
        contract_sql(dialect, since)
        return
    settings = find_settings(data, DATABASE)
    with open_engine(settings) as (engine, _dialect):
        check_schema(engine)
        steps = pending_contractions(engine)
        if not steps:
            output().print(
                f"Nothing to contract: release {VERSION} still needs all that is in the tables "
                f"(revision {newest_revision()})."
            )
            return
        _check_releases(settings)
        if not yes:
            raise CommandError(
                f"{_list(steps)}\nNothing was done. All workers that reply are of release "
                f"{VERSION}. APIs, and workers that are stopped, cannot be checked from here. If "
                "no process of an older release runs, and none will be started again, give --yes",
                EXIT_FAULT,
            )
        contract_schema(engine)
    output().print(f"{_list(steps)}\nDone: releases older than {VERSION} can no longer be used.")


def _check_releases(settings: Settings) -> None:
    workers = workers_by_release(ask_workers(settings, PATIENT_REPLY_TIMEOUT_SECONDS))
    others = "; ".join(
        f"{release}: {', '.join(names)}" for release, names in workers.items() if release != VERSION
    )
    if others:
        raise CommandError(
            f"workers of other releases run ({others}), and would fail: replace them by release "
            f"{VERSION} first. Nothing was changed",
            EXIT_FAULT,
        )


def _list(steps: Sequence[Migration]) -> str:
    return "\n".join(f"{step.revision}: {step.what}" for step in steps)
