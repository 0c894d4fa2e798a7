"""`tradecapture partitions show`: one partition in detail, and what an operator can do."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from rich.table import Table

from tradecapture.cli.command_lines import command_line
from tradecapture.cli.errors import EXIT_FAULT, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option, partition_argument
from tradecapture.cli.output import format_age, format_instant, output, show_json, table
from tradecapture.inbox import HoldKind
from tradecapture.ledger import AuditRow
from tradecapture.ledger.queries.operator_reader import SequenceGap
from tradecapture.operations import MAX_WAITING, PartitionDetail, open_operator
from tradecapture.operations.views import detail_body
from tradecapture.settings import DATABASE, REDIS
from tradecapture.trades.partition import PartitionKey


def missing_numbers(gap: SequenceGap) -> str:
    """Return the upstream numbers that are missing below the lowest buffered one."""
    first, last = gap.upstream_number + 1, gap.lowest - 1
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def audit_table(title: str, rows: Iterable[AuditRow], *, with_partition: bool = False) -> Table:
    """Return a table of what operators did, one action a row."""
    columns = ["when", "who", "action", "partition", "trade", "why", "result"]
    if not with_partition:
        columns.remove("partition")
    lines = []
    for row in rows:
        partition = [row.partition_key] if with_partition else []
        start = [format_instant(row.done_at), row.who, row.action]
        lines.append([*start, *partition, row.trade_id, row.why, row.result])
    return table(title, columns, lines)


@click.command(
    epilog=epilog(
        "tradecapture partitions show PB00042_EQSWAP-NY_US0378331005",
        "tradecapture partitions show PB00042_EQSWAP-NY_US0378331005 --waiting 100 --json",
        codes="0 shown; 1 no trade of KEY was accepted; 2 wrong use; 3 a server out of reach",
    )
)
@partition_argument()
@click.option(
    "--waiting",
    "max_waiting",
    type=click.IntRange(0, MAX_WAITING),
    default=20,
    show_default=True,
    metavar="N",
    help="Show at most N of the waiting trades.",
)
@json_option
@data_option
def show(partition_key: PartitionKey, max_waiting: int, as_json: bool, data: Path) -> None:
    """Show the state of partition KEY, and what you can do.

    The state is that in Redis and in the ledger: why the partition is held and by whom, the parked
    trade that halts it, the trades that wait, missing upstream numbers, and the newest actions of
    operators.
    """
    settings = find_settings(data, REDIS, DATABASE)
    with open_operator(settings) as operator:
        detail = operator.overview.detail(partition_key, max_waiting)
        now_ms = operator.overview.now_ms()
    if not detail.state.exists:
        raise CommandError(
            f"no trade of partition {partition_key} was ever accepted; `tradecapture partitions` "
            "lists all partitions",
            EXIT_FAULT,
        )
    if as_json:
        show_json(detail_body(partition_key, detail, settings, now_ms))
        return
    screen = output()
    for shown in _tables(partition_key, detail, now_ms):
        screen.print(shown)
    if lines := list(_next_steps(partition_key, detail, data)):
        screen.print("What you can do:")
        for line in lines:
            screen.print(f"  {line}", soft_wrap=True)


def _tables(partition_key: PartitionKey, detail: PartitionDetail, now_ms: int) -> Iterator[Table]:
    yield _summary(partition_key, detail, now_ms)
    if (parked := detail.halting) is not None:
        columns = ("trade", "position #", "parked at", "why")
        row = (parked.trade_id, parked.position, format_instant(parked.recorded_at), parked.reason)
        yield table("Parked trade at the head", columns, [row])
    if detail.waiting:
        inbox = detail.state.inbox
        number = inbox.waiting if inbox else len(detail.waiting)
        rows = [
            (
                trade.position,
                trade.trade_id or f"(unreadable: {trade.unreadable})",
                None if trade.accepted_ms is None else format_age(now_ms - trade.accepted_ms),
                trade.sequence_number,
            )
            for trade in detail.waiting
        ]
        after = " after it" if detail.halting is not None else ""
        title = f"Waiting{after}: the oldest {len(rows)} of {number:,}"
        yield table(title, ("position #", "trade", "age", "upstream number #"), rows)
    if detail.audit:
        yield audit_table("What operators did, the newest first", detail.audit)


def _summary(partition_key: PartitionKey, detail: PartitionDetail, now_ms: int) -> Table:
    row, inbox, hold = detail.state.row, detail.state.inbox, detail.state.effective_hold
    shown = table(f"Partition {partition_key}", ("", ""), [])
    shown.show_header = False
    if hold is None:
        shown.add_row("held", "no")
    elif hold.kind is HoldKind.PAUSED:
        shown.add_row("held", f"paused by {hold.who}: {hold.why}")
    else:
        shown.add_row("held", f"halted: {hold.why}")
    if inbox is not None:
        shown.add_row("accepted", f"{inbox.accepted:,} (since its lane began)")
        shown.add_row("waiting", f"{inbox.waiting:,}")
        if inbox.oldest_accepted_ms is not None:
            shown.add_row("oldest", format_age(now_ms - inbox.oldest_accepted_ms))
        if inbox.owner is not None:
            shown.add_row("claimed by", f"{inbox.owner}, for {format_age(inbox.lease_ms)} more")
        shown.add_row("lane", str(inbox.lane))
    if row is not None:
        shown.add_row("captured", f"{row.last_sequence:,}")
        if row.paused_reason is not None and row.halted_reason is not None:
            shown.add_row("halted too", row.halted_reason)
        if row.upstream or row.buffered:
            shown.add_row("upstream number", f"{row.upstream:,}")
    if (gap := detail.gap) is not None:
        since = format_age(now_ms - gap.oldest.timestamp() * 1000)
        shown.add_row(
            "missing numbers",
            f"{missing_numbers(gap)}; {gap.buffered:,} trades have waited for up to {since}",
        )
    return shown


def _next_steps(partition_key: PartitionKey, detail: PartitionDetail, data: Path) -> Iterator[str]:
    """Yield the commands that are possible in the partition's state."""
    hold, row = detail.state.effective_hold, detail.state.row
    is_halted = detail.halting is not None or (hold is not None and hold.kind is HoldKind.HALTED)
    if row is not None and row.paused_reason is not None:
        yield command_line(data, "partitions", "resume", partition_key)
    if is_halted:
        yield command_line(data, "partitions", "retry", partition_key, "--dry-run")
        yield command_line(data, "partitions", "skip", partition_key, "--why", "WHY", "--dry-run")
    if detail.gap is not None and hold is None:
        yield command_line(
            data, "partitions", "release", partition_key, "--why", "WHY", "--dry-run"
        )
