"""`tradecapture trade`: what became of one trade."""

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from tradecapture.capture.status import TradeStatus, read_status
from tradecapture.cli.errors import FOUND, CommandError
from tradecapture.cli.options import data_option, json_option, locate
from tradecapture.cli.output import epilog, output, show_json
from tradecapture.inbox.reader import open_inbox
from tradecapture.ledger.queries.replica import open_replica_reader
from tradecapture.settings import DATABASE, REDIS


@click.command(
    epilog=epilog(
        "tradecapture trade ES-1-00000042",
        "tradecapture trade ES-1-00000042 --json",
        codes="0 found; 1 no such trade was accepted; 2 wrong use; 3 a server out of reach",
    )
)
@click.argument("trade_id", metavar="ID")
@json_option
@data_option
def trade(trade_id: str, as_json: bool, data: Path) -> None:
    """Show the trade ID: its status, its place in its partition, and the trade as received."""
    settings = locate(data, REDIS, DATABASE)
    with open_inbox(settings) as inbox, open_replica_reader(settings) as ledger:
        status = read_status(ledger, inbox, trade_id)
    if status is None:
        raise CommandError(
            f"no trade {trade_id} was accepted. If it was submitted, look at the answer that the "
            "submission got; sending it again is harmless",
            FOUND,
        )
    facts = _facts(status)
    if as_json:
        document = {"trade": msgspec.Raw(status.document)} if status.document else {}
        show_json(facts | document)
        return
    shown = Table(show_header=False)
    for name, value in facts.items():
        shown.add_row(name, str(value))
    output().print(shown)
    if status.document:
        output().print(msgspec.json.format(status.document, indent=2).decode(), soft_wrap=True)


def _facts(status: TradeStatus) -> dict[str, Any]:
    """Return what is known, under the names of the HTTP contract."""
    facts = {
        "tradeId": status.trade_id,
        "status": status.status.value,
        "partitionKey": status.partition_key,
        "position": status.position,
        "acceptedAt": status.accepted_at,
        "ledgerSequence": status.ledger_sequence,
        "capturedAt": status.captured_at,
        "taskId": status.task_id,
        "correlationId": status.correlation_id or None,
        "reason": status.reason,
    }
    return {name: value for name, value in facts.items() if value is not None}
