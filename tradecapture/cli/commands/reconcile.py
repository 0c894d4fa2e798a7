"""`tradecapture reconcile`: whether every accepted trade is accounted for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tradecapture.cli.errors import EXIT_FAULT
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option
from tradecapture.cli.output import format_instant, output, show_json, table
from tradecapture.inbox.reader import open_inbox_reader
from tradecapture.ledger.queries.operator_reader import open_operator_reader
from tradecapture.operations.reconciliation import ReconciledPartition
from tradecapture.operations.reconciliation import reconcile as account_for
from tradecapture.settings import DATABASE, REDIS
from tradecapture.trades.clock import from_us

COLUMNS = (
    "accepted",
    "captured",
    "duplicate",
    "rejected",
    "parked",
    "buffered",
    "waiting",
    "difference",
)


@click.command(
    epilog=epilog(
        "tradecapture reconcile",
        "tradecapture reconcile --all --json",
        codes="0 no difference; 1 a difference; 2 wrong use; 3 a server could not be reached",
    )
)
@click.option("--all", "show_all", is_flag=True, help="Show every partition.")
@json_option
@data_option
def reconcile(show_all: bool, as_json: bool, data: Path) -> None:
    """Check that every accepted trade is accounted for.

    In each partition: accepted = captured + duplicate + rejected + parked + buffered + waiting.

    Shows the total, and the partitions that have a difference, or trades that wait, are buffered
    or are parked. The result is right at any moment, also while trades are submitted and captured.
    """
    settings = find_settings(data, REDIS, DATABASE)
    with open_inbox_reader(settings) as inbox, open_operator_reader(settings) as ledger:
        # The inboxes first: a trade that is captured between the two reads is then counted once.
        accepted = inbox.partitions()
        rows = account_for(accepted, ledger.outcome_counts())
    shown = rows if show_all else [row for row in rows if _is_open(row)]
    differences = sum(row.difference != 0 for row in rows)
    if as_json:
        show_json(
            {
                "clean": not differences,
                "total": totals(rows),
                "partitions": [_as_json(row) for row in shown],
            }
        )
    else:
        _show(rows, shown, differences)
    if differences:
        raise SystemExit(EXIT_FAULT)


def totals(rows: Sequence[ReconciledPartition]) -> dict[str, int]:
    """Return the sum of each column."""
    return {name: sum(getattr(row, name) for row in rows) for name in COLUMNS}


def _is_open(row: ReconciledPartition) -> bool:
    return bool(row.difference or row.waiting or row.buffered or row.parked)


def _as_json(row: ReconciledPartition) -> dict[str, Any]:
    return {
        "partitionKey": row.partition_key,
        "epoch": row.epoch,
        **{name: getattr(row, name) for name in COLUMNS},
        "inRedis": row.in_redis,
    }


def _show(
    rows: Sequence[ReconciledPartition], shown: Sequence[ReconciledPartition], differences: int
) -> None:
    screen = output()
    rows_of_total = [("partitions", len(rows)), *totals(rows).items()]
    screen.print(table("Reconciliation", ("", "number #"), rows_of_total))
    if shown:
        # Only the columns that are not all 0, so that the table fits on a screen.
        names = [name for name in COLUMNS if any(getattr(row, name) for row in shown)]
        columns = ("partition", *(f"{name} #" for name in names))
        cells = [(row.partition_key, *(getattr(row, name) for name in names)) for row in shown]
        screen.print(table("Partitions", columns, cells))
    if ended := [row for row in rows if not row.in_redis]:
        screen.print(_describe_ended(ended))
    screen.print(
        f"{differences:,} partitions have a difference. Positive: trades were accepted that are "
        "nowhere. Negative: trades were recorded that were never accepted. Compare with backups of "
        "the ledger and of Redis. Submitters can send their trades again, which is harmless."
        if differences
        else "Clean: every accepted trade is accounted for."
    )


def _describe_ended(rows: Sequence[ReconciledPartition]) -> str:
    """Describe the epochs that only the ledger still has, because Redis lost its data."""
    starts = [format_instant(from_us(row.epoch)) for row in rows]
    return (
        f"Redis was emptied or replaced, perhaps by its replica: {len(rows):,} rows are of epochs "
        f"that are not in Redis any more and began from {min(starts)} to {max(starts)}. Only the "
        f"ledger knows them: it has the outcomes of {totals(rows)['accepted']:,} trades, which "
        "stay right. Trades that still waited in Redis, and that no replica had, are lost. Which "
        "ones is not known here. Their submitters know: they must send every trade again that "
        "`tradecapture trade ID` does not find."
    )
