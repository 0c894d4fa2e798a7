"""`tradecapture partitions`: how each partition stands: what waits, who has it, why it is held."""

from pathlib import Path
from typing import Any

import click

from tradecapture.cli.epilog import epilog
from tradecapture.cli.failure import FOUND, CommandError
from tradecapture.cli.place import REDIS, data_option, locate, open_inbox, redis_now_ms
from tradecapture.cli.screen import json_option, output, show_json, table
from tradecapture.inbox import InboxPartition


@click.command(
    epilog=epilog(
        "tradecapture partitions",
        "tradecapture partitions PB00042_EQSWAP-NY_US0378331005",
        codes="0 shown; 1 no trade of KEY was accepted; 2 wrong use; 3 Redis out of reach",
    )
)
@click.argument("key", metavar="[KEY]", required=False)
@json_option
@data_option
def partitions(key: str | None, as_json: bool, data: Path) -> None:
    """Show how partitions stand, or the one with KEY (account_book_security)."""
    settings = locate(data, REDIS)
    with open_inbox(settings) as inbox:
        found = inbox.partition(key) if key else None
        rows = [found] if found else [] if key else inbox.partitions()
    if key and not rows:
        raise CommandError(
            f"no trade of partition {key} was accepted. A key is account_book_security, with ~1 "
            "for an underscore and ~0 for a tilde inside an id",
            FOUND,
        )
    now_ms = redis_now_ms(settings)
    if as_json:
        show_json([_facts(row, now_ms) for row in rows])
        return
    columns = ("partition", "lane #", "accepted #", "waiting #", "oldest", "owner", "lease", "held")
    shown = [
        (
            row.partition,
            row.lane,
            row.accepted,
            row.waiting,
            None if row.oldest_accepted_ms is None else _age(now_ms - row.oldest_accepted_ms),
            row.owner,
            _age(row.lease_ms) if row.owner else None,
            row.held,
        )
        for row in rows
    ]
    output().print(table(f"Partitions: {len(rows):,}", columns, shown))


def _facts(row: InboxPartition, now_ms: int) -> dict[str, Any]:
    oldest = row.oldest_accepted_ms
    return {
        "partitionKey": row.partition,
        "lane": row.lane,
        "accepted": row.accepted,
        "waiting": row.waiting,
        "oldestAgeMs": None if oldest is None else max(0, now_ms - oldest),
        "owner": row.owner,
        "leaseMs": row.lease_ms if row.owner else None,
        "held": row.held,
    }


def _age(milliseconds: int) -> str:
    return f"{max(0, milliseconds) / 1000:,.1f} s"
