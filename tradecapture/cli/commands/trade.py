"""`tradecapture trade`: the status of one trade."""

from pathlib import Path

import click
import msgspec
from msgspec import UNSET, UnsetType, structs
from rich.table import Table

from tradecapture.capture.status import TradeBody, read_status, trade_body
from tradecapture.cli.errors import EXIT_FAULT, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option
from tradecapture.cli.output import output, show_json
from tradecapture.inbox.reader import open_inbox_reader
from tradecapture.ledger.queries.replica import open_replica_reader
from tradecapture.settings import DATABASE, REDIS


class _TradeBody(TradeBody, frozen=True, rename="camel"):
    """The API's JSON of a trade, with what only operators see."""

    correlation_id: str | UnsetType = UNSET


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
    """Show the trade ID: its status, its position, and the trade as received."""
    settings = find_settings(data, REDIS, DATABASE)
    with open_inbox_reader(settings) as inbox, open_replica_reader(settings) as ledger:
        status = read_status(ledger, inbox, trade_id)
    if status is None:
        raise CommandError(
            f"no trade {trade_id} was accepted. If you submitted it, read the answer to the "
            "submission; it is safe to submit the trade again",
            EXIT_FAULT,
        )
    body = _TradeBody(
        **structs.asdict(trade_body(status)), correlation_id=status.correlation_id or UNSET
    )
    if as_json:
        show_json(body)
        return
    screen, shown = output(), Table(show_header=False)
    for field in structs.fields(body):
        value = getattr(body, field.name)
        if value is not UNSET and field.name != "trade":
            shown.add_row(field.encode_name, str(value))
    screen.print(shown)
    if body.trade is not UNSET:
        screen.print(msgspec.json.format(bytes(body.trade), indent=2).decode(), soft_wrap=True)
