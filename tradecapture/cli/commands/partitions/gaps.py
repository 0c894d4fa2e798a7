"""`tradecapture partitions gaps`: upstream's missing numbers, and how to wait no longer."""

from pathlib import Path

import click

from tradecapture.cli.commands.partitions.show import missing_numbers
from tradecapture.cli.errors import FOUND
from tradecapture.cli.options import data_option, json_option, locate
from tradecapture.cli.output import age, command_line, epilog, output, show_json, table
from tradecapture.inbox.reader import open_inbox
from tradecapture.ledger.queries.operator_reader import open_ledger
from tradecapture.operations.views import gap_facts
from tradecapture.settings import DATABASE, REDIS


@click.command(
    epilog=epilog(
        "tradecapture partitions gaps",
        "tradecapture partitions gaps --all --json",
        codes=("0 no gap is over its time-out; 1 some are; 2 wrong use; 3 a server out of reach"),
    )
)
@click.option("--all", "show_all", is_flag=True, help="Show gaps within their time-out too.")
@json_option
@data_option
def gaps(show_all: bool, as_json: bool, data: Path) -> None:
    """Show where upstream's numbers are missing and trades wait for them, the oldest gaps first.

    Only gaps older than TRADECAPTURE_SEQUENCE_TIMEOUT_SECONDS, unless --all is given. Nothing is
    thrown away: the trades wait in the ledger until the numbers come or an operator releases them.
    """
    settings = locate(data, REDIS, DATABASE)
    timeout_ms = settings.sequence_timeout_seconds * 1000
    with open_inbox(settings) as inbox, open_ledger(settings) as ledger:
        found, now_ms = ledger.sequence_gaps(), inbox.now_ms()
    ages = {gap.partition_key: now_ms - gap.oldest.timestamp() * 1000 for gap in found}
    late = [gap for gap in found if ages[gap.partition_key] > timeout_ms]
    shown = found if show_all else late
    if as_json:
        show_json(
            [
                gap_facts(gap, now_ms) | {"overTimeout": ages[gap.partition_key] > timeout_ms}
                for gap in shown
            ]
        )
    else:
        columns = ("partition", "upstream at #", "missing", "buffered #", "oldest", "over time-out")
        rows = [
            (
                gap.partition_key,
                gap.upstream,
                missing_numbers(gap),
                gap.buffered,
                age(ages[gap.partition_key]),
                "yes" if ages[gap.partition_key] > timeout_ms else "",
            )
            for gap in shown
        ]
        title = f"Sequence gaps: {len(late):,} over the time-out of {timeout_ms / 1000:g} s"
        screen = output()
        screen.print(table(f"{title}, {len(found) - len(late):,} younger", columns, rows))
        if shown:
            screen.print("To wait for the missing numbers no longer:")
        for gap in shown:
            line = command_line(data, "partitions", "release", gap.partition_key, "--why", "WHY")
            screen.print(f"  {line}", soft_wrap=True)
    if late:
        raise SystemExit(FOUND)
