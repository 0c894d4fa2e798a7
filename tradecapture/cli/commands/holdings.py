"""`tradecapture holdings`: what the captured trades of each partition add up to."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option
from tradecapture.cli.output import output, show_json, table
from tradecapture.ledger import PartitionRow
from tradecapture.ledger.queries.replica import open_replica_reader
from tradecapture.settings import DATABASE


@click.command(
    epilog=epilog(
        "tradecapture holdings --account PB00042",
        "tradecapture holdings --json",
    )
)
@click.option("--account", metavar="ACCOUNT", help="Show only the partitions of this account.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Show at most N partitions.")
@json_option
@data_option
def holdings(account: str | None, limit: int | None, as_json: bool, data: Path) -> None:
    """Show what each partition holds.

    These are the sums over its captured trades: exact quantities and notionals, by unit.
    """
    with open_replica_reader(find_settings(data, DATABASE)) as reader:
        rows = reader.may_be_stale(
            lambda ledger: ledger.partitions(account_id=account, limit=limit)
        )
    if as_json:
        show_json([_as_json(row) for row in rows])
        return
    output().print(holdings_table("Holdings", rows))


# The old name: "position" now means only a place in the inbox. Remove it in release 0.4.
positions = click.Command(
    "positions",
    callback=holdings.callback,
    params=holdings.params,
    help=holdings.help,
    epilog=holdings.epilog,
    hidden=True,
    deprecated="Use `tradecapture holdings`; release 0.4 removes this name.",
)


def holdings_table(title: str, rows: Sequence[PartitionRow]) -> Table:
    """Return the holdings of some partitions as a table."""
    columns = ["partition", "trades #", "net quantity #", "quantities #", "notionals #"]
    show_halted = any(row.halted_reason is not None for row in rows)
    if show_halted:
        columns.append("halted")
    cells: list[list[object]] = []
    for row in rows:
        holding = row.holding
        cells.append(
            [
                row.partition_key,
                row.last_sequence,
                _grouped(holding.net_quantity),
                _amounts(holding.quantities),
                _amounts(holding.notionals),
            ]
        )
        if show_halted:
            cells[-1].append(row.halted_reason)
    return table(title, columns, cells)


def _as_json(row: PartitionRow) -> dict[str, Any]:
    return {
        "partitionKey": row.partition_key,
        "accountId": row.account_id,
        "bookId": row.book_id,
        "securityId": row.security_id,
        "trades": row.last_sequence,
        "netQuantity": _plain(row.net_quantity),
        "quantities": {unit: _plain(value) for unit, value in row.holding.quantities.items()},
        "notionals": {unit: _plain(value) for unit, value in row.holding.notionals.items()},
        "lastTradeDate": row.last_trade_date,
        "halted": row.halted_reason,
        "updatedAt": row.updated_at,
    }


def _amounts(amounts: Mapping[str, Decimal]) -> str:
    return "\n".join(f"{_grouped(value)} {unit}" for unit, value in sorted(amounts.items()))


def _plain(value: Decimal) -> str:
    """Return all digits without an exponent, and without zeros after the last decimal."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _grouped(value: Decimal) -> str:
    """Return all digits, with commas between thousands."""
    return format(Decimal(_plain(value)), ",f")
