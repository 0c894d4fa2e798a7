"""`tradecapture positions`: what the captured trades of each partition add up to."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from tradecapture.cli.options import data_option, json_option, locate
from tradecapture.cli.output import epilog, output, show_json, table
from tradecapture.ledger import PartitionRow
from tradecapture.ledger.queries.replica import open_replica_reader
from tradecapture.settings import DATABASE


@click.command(
    epilog=epilog(
        "tradecapture positions --account PB00042",
        "tradecapture positions --json",
    )
)
@click.option("--account", metavar="ACCOUNT", help="Only the partitions of this account.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Show N at most.")
@json_option
@data_option
def positions(account: str | None, limit: int | None, as_json: bool, data: Path) -> None:
    """Show the position of each partition: quantities and notionals, exact, and trades captured."""
    with open_replica_reader(locate(data, DATABASE)) as readers:
        rows = readers.may_be_stale(
            lambda ledger: ledger.positions(account_id=account, limit=limit)
        )
    if as_json:
        show_json([_facts(row) for row in rows])
        return
    output().print(position_table("Positions", rows))


def position_table(title: str, rows: Sequence[PartitionRow]) -> Table:
    """Return the positions of some partitions as a table."""
    columns = ["partition", "trades #", "net quantity #", "quantities #", "notionals #"]
    halted = any(row.halted_reason is not None for row in rows)
    if halted:
        columns.append("halted")
    lines: list[list[object]] = []
    for row in rows:
        holding = row.holding
        line = [row.partition_key, row.last_sequence, _grouped(holding.net_quantity)]
        line += [_sums(holding.quantities), _sums(holding.notionals)]
        lines.append([*line, row.halted_reason] if halted else line)
    return table(title, columns, lines)


def _facts(row: PartitionRow) -> dict[str, Any]:
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


def _sums(values: Mapping[str, Decimal]) -> str:
    return "\n".join(f"{_grouped(value)} {unit}" for unit, value in sorted(values.items()))


def _plain(value: Decimal) -> str:
    """Return all digits without an exponent, and no zeros after the last decimal."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _grouped(value: Decimal) -> str:
    return format(Decimal(_plain(value)), ",f")
