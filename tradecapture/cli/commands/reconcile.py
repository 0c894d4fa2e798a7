"""`tradecapture reconcile`: every accepted trade accounted for, a partition a row."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tradecapture.cli.errors import EXIT_FAULT
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option
from tradecapture.cli.output import format_instant, output, show_json, table
from tradecapture.inbox.reader import open_inbox_reader
from tradecapture.ledger.queries.operator_reader import open_ledger
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
        codes="0 no difference; 1 a difference; 2 wrong use; 3 a server out of reach",
    )
)
@click.option("--all", "show_all", is_flag=True, help="Show every partition.")
@json_option
@data_option
def reconcile(show_all: bool, as_json: bool, data: Path) -> None:
    """Check that accepted = captured + duplicate + rejected + parked + buffered + waiting.

    Shows the total, and the partitions with a difference or with trades that wait, are buffered
    or parked.
    It is right at any moment, also while trades flow.
    """
    settings = find_settings(data, REDIS, DATABASE)
    with open_inbox_reader(settings) as inbox, open_ledger(settings) as ledger:
        # In this order: a trade that is captured between the two looks then counts once.
        accepted = inbox.partitions()
        rows = account_for(accepted, ledger.outcome_counts())
    shown = rows if show_all else [row for row in rows if _is_remarkable(row)]
    differences = sum(row.difference != 0 for row in rows)
    if as_json:
        show_json(
            {
                "clean": not differences,
                "total": totals(rows),
                "partitions": [_facts(row) for row in shown],
            }
        )
    else:
        _show(rows, shown, differences)
    if differences:
        raise SystemExit(EXIT_FAULT)


def totals(rows: Sequence[ReconciledPartition]) -> dict[str, int]:
    """Return the sum of each column."""
    return {name: sum(getattr(row, name) for row in rows) for name in COLUMNS}


def _is_remarkable(row: ReconciledPartition) -> bool:
    return bool(row.difference or row.waiting or row.buffered or row.parked)


def _facts(row: ReconciledPartition) -> dict[str, Any]:
    return {
        "partitionKey": row.partition_key,
        "epoch": row.epoch,
        **{name: getattr(row, name) for name in COLUMNS},
        "inRedis": row.in_redis,
    }


def _began(epoch: int) -> str:
    return format_instant(from_us(epoch))


def _show(
    rows: Sequence[ReconciledPartition], shown: Sequence[ReconciledPartition], differences: int
) -> None:
    lines: list[Sequence[object]] = [
        (row.partition_key, *(getattr(row, name) for name in COLUMNS)) for row in shown
    ]
    lines.append((f"total of {len(rows):,}", *totals(rows).values()))
    output().print(table("Reconciliation", ("partition", *(f"{n} #" for n in COLUMNS)), lines))
    if emptied := [row for row in rows if not row.in_redis]:
        epochs = [row.epoch for row in emptied]
        ended = totals(emptied)["accepted"]
        output().print(
            f"Redis was emptied or replaced, perhaps by its replica: {len(emptied):,} rows are of "
            "epochs that are not in Redis any more, begun from "
            f"{_began(min(epochs))} to {_began(max(epochs))}. Of them "
            f"the ledger alone tells: {ended:,} trades ended as shown, and stay right. Trades that "
            "still waited in Redis then, and that no replica had, are gone; which and how many it "
            "was, nobody here can know. "
            "Their submitters can: what `tradecapture trade ID` does not find must be sent again."
        )
    output().print(
        f"{differences:,} partitions have a difference: trades were accepted that are nowhere "
        "(positive), or recorded that were never accepted (negative). Compare with backups of "
        "the ledger and of Redis; submitters can send their trades again, which is harmless."
        if differences
        else "Clean: every accepted trade is accounted for."
    )
