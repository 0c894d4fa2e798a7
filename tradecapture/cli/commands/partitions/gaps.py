"""`tradecapture partitions gaps`: missing upstream numbers, and how to wait no longer."""

from pathlib import Path

import click

from tradecapture.cli.command_lines import command_line
from tradecapture.cli.commands.partitions.show import missing_numbers
from tradecapture.cli.errors import EXIT_FAULT
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option
from tradecapture.cli.output import format_age, output, show_json, table
from tradecapture.inbox.reader import open_inbox_reader
from tradecapture.ledger.queries.operator_reader import open_operator_reader
from tradecapture.operations.views import is_overdue, partition_gap_body
from tradecapture.settings import DATABASE, REDIS


@click.command(
    epilog=epilog(
        "tradecapture partitions gaps",
        "tradecapture partitions gaps --all --json",
        codes="0 no gap is overdue; 1 some are; 2 wrong use; 3 a server out of reach",
    )
)
@click.option("--all", "show_all", is_flag=True, help="Show the gaps that are not overdue, too.")
@json_option
@data_option
def gaps(show_all: bool, as_json: bool, data: Path) -> None:
    """Show where trades wait for missing upstream numbers.

    The oldest gaps are shown first. Without --all only overdue gaps are shown: those older than
    TRADECAPTURE_SEQUENCE_TIMEOUT_SECONDS. No trade is lost: the trades wait in the ledger until
    the missing numbers come, or until an operator releases the gap.
    """
    settings = find_settings(data, REDIS, DATABASE)
    timeout_seconds = settings.sequence_timeout_seconds
    with open_inbox_reader(settings) as inbox, open_operator_reader(settings) as ledger:
        found, now_ms = ledger.sequence_gaps(), inbox.now_ms()
    overdue = [gap for gap in found if is_overdue(gap, timeout_seconds, now_ms)]
    shown = found if show_all else overdue
    if as_json:
        show_json([partition_gap_body(gap, timeout_seconds, now_ms) for gap in shown])
    else:
        title = f"Sequence gaps: {len(overdue):,} over the time-out of {timeout_seconds:g} s"
        columns = ("partition", "upstream at #", "missing", "buffered #", "oldest", "overdue")
        rows = [
            (
                gap.partition_key,
                gap.upstream_number,
                missing_numbers(gap),
                gap.buffered,
                format_age(now_ms - gap.oldest.timestamp() * 1000),
                "yes" if gap in overdue else "",
            )
            for gap in shown
        ]
        screen = output()
        screen.print(table(f"{title}, {len(found) - len(overdue):,} younger", columns, rows))
        if shown:
            screen.print("To wait for the missing numbers no longer:")
        for gap in shown:
            release = command_line(data, "partitions", "release", gap.partition_key, "--why", "WHY")
            screen.print(f"  {release}", soft_wrap=True)
    if overdue:
        raise SystemExit(EXIT_FAULT)
