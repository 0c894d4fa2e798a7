"""The command line: puts the commands together. `tradecapture` and `python -m tradecapture`."""

import click

from tradecapture.cli.database import database
from tradecapture.cli.demo import demo
from tradecapture.cli.doctor import doctor
from tradecapture.cli.entry_format import entry_format
from tradecapture.cli.failure import EXIT_CODES, CommandGroup
from tradecapture.cli.generate import generate
from tradecapture.cli.partitions import partitions
from tradecapture.cli.positions import positions
from tradecapture.cli.reconcile import reconcile
from tradecapture.cli.replay import replay
from tradecapture.cli.submit import submit
from tradecapture.cli.trade import trade
from tradecapture.cli.up import up
from tradecapture.logs import configure_logs
from tradecapture.release import RELEASE

__all__ = ["main"]

COMMANDS = (
    up,
    demo,
    generate,
    submit,
    trade,
    positions,
    partitions,
    replay,
    reconcile,
    doctor,
    database,
    entry_format,
)


@click.group(cls=CommandGroup, epilog=EXIT_CODES, context_settings={"max_content_width": 100})
@click.version_option(RELEASE, prog_name="tradecapture")
def cli() -> None:
    """Capture trades, in order and exactly once, into a ledger.

    Commands that read or submit find their servers in TRADECAPTURE_REDIS_URL and
    TRADECAPTURE_DATABASE_URL; where those are not set, in the data folder of a running
    `tradecapture up`.
    """
    configure_logs()  # warnings go to standard error: standard output is for what was asked


for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line; the entry point."""
    cli(prog_name="tradecapture")
