"""`tradecapture partitions audit`: what operators did."""

from pathlib import Path

import click

from tradecapture.cli.commands.partitions.show import audit_table
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option, partition_argument
from tradecapture.cli.output import output, show_json
from tradecapture.ledger.queries.operator_reader import open_operator_reader
from tradecapture.operations.views import partition_audit_body
from tradecapture.settings import DATABASE
from tradecapture.trades.partition import PartitionKey


@click.command(
    epilog=epilog(
        "tradecapture partitions audit",
        "tradecapture partitions audit PB00042_EQSWAP-NY_US0378331005 --limit 100 --json",
    )
)
@partition_argument(required=False)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    metavar="N",
    help="Show at most the newest N.",
)
@json_option
@data_option
def audit(partition_key: PartitionKey | None, limit: int, as_json: bool, data: Path) -> None:
    """Show what operators did to all partitions, or to KEY.

    Each action is shown with when, who, what and why; the newest first.
    """
    with open_operator_reader(find_settings(data, DATABASE)) as ledger:
        rows = ledger.audit(partition_key=partition_key, limit=limit)
    if as_json:
        show_json([partition_audit_body(row) for row in rows])
    else:
        title = f"What operators did: the newest {len(rows):,}"
        output().print(audit_table(title, rows, with_partition=partition_key is None))
