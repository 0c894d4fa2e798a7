"""The command line: puts the commands together. `tradecapture` and `python -m tradecapture`."""

import click

from tradecapture.cli.commands.db import database
from tradecapture.cli.commands.demo import demo
from tradecapture.cli.commands.doctor import doctor
from tradecapture.cli.commands.entry_format import entry_format
from tradecapture.cli.commands.generate import generate
from tradecapture.cli.commands.holdings import holdings, positions
from tradecapture.cli.commands.partitions import partitions
from tradecapture.cli.commands.reconcile import reconcile
from tradecapture.cli.commands.replay import replay
from tradecapture.cli.commands.submit.command import submit
from tradecapture.cli.commands.trade import trade
from tradecapture.cli.commands.up import up
from tradecapture.cli.errors import CommandGroup
from tradecapture.cli.help import EXIT_CODES
from tradecapture.logs import configure_logs
from tradecapture.version import VERSION

__all__ = ["main"]

COMMANDS = (
    up,
    demo,
    generate,
    submit,
    trade,
    holdings,
    positions,
    partitions,
    replay,
    reconcile,
    doctor,
    database,
    entry_format,
)


@click.group(cls=CommandGroup, epilog=EXIT_CODES, context_settings={"max_content_width": 100})
@click.version_option(VERSION, prog_name="tradecapture")
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
