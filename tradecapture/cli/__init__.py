"""The command line: `tradecapture`, or `python -m tradecapture`, with all its commands."""

from collections.abc import Mapping, Sequence
from itertools import chain

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

# The commands by their purpose, as `tradecapture --help` lists them.
SECTIONS: Mapping[str, Sequence[click.Command]] = {
    "Try it on this machine": (up, demo, generate),
    "Trades": (submit, trade, holdings),
    "Operation": (doctor, partitions, replay, reconcile),
    "Upgrades": (database, entry_format),
}
DEPRECATED = (positions,)


class _MainGroup(CommandGroup):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of each section, with the first sentence of their help."""
        name_width = max(len(name) for name in self.commands)
        help_width = formatter.width - name_width - 6  # click's indent, and the gap after the name
        for title, commands in SECTIONS.items():
            rows = [
                (f"{command.name:{name_width}}", command.get_short_help_str(help_width))
                for command in commands
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(cls=_MainGroup, epilog=EXIT_CODES, context_settings={"max_content_width": 100})
@click.version_option(VERSION, prog_name="tradecapture")
def cli() -> None:
    """Capture trades, in order and exactly once, into a ledger.

    Commands find their servers in TRADECAPTURE_REDIS_URL and TRADECAPTURE_DATABASE_URL or, where
    these are not set, in the data folder of a running `tradecapture up`.
    """
    configure_logs()  # warnings go to standard error: standard output is for results


for command in (*chain.from_iterable(SECTIONS.values()), *DEPRECATED):
    cli.add_command(command)


def main() -> None:
    """Run the command line; the entry point of the console script."""
    cli(prog_name="tradecapture")
