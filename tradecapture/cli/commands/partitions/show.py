"""`tradecapture partitions show`: one partition from close by, and what an operator can do."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from rich.table import Table

from tradecapture.cli.errors import FOUND, CommandError
from tradecapture.cli.options import data_option, json_option, locate, partition_argument
from tradecapture.cli.output import age, command_line, epilog, instant, output, show_json, table
from tradecapture.inbox import HoldKind
from tradecapture.ledger import AuditRow
from tradecapture.ledger.queries.operator_reader import SequenceGap
from tradecapture.operations import MAX_WAITING, PartitionDetail, effective_hold
from tradecapture.operations.operators import open_operator
from tradecapture.operations.views import close_facts
from tradecapture.settings import DATABASE, REDIS
from tradecapture.trades.partition import PartitionKey


def missing_numbers(gap: SequenceGap) -> str:
    """Return the numbers that are missing below the lowest buffered one."""
    first, last = gap.upstream + 1, gap.lowest - 1
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def audit_table(title: str, rows: Iterable[AuditRow], *, partitions: bool = False) -> Table:
    """Return what operators did; with the partitions to which they did it, if these differ."""
    columns = ["when", "who", "action", "partition", "trade", "why", "result"]
    if not partitions:
        columns.remove("partition")
    lines = []
    for row in rows:
        where = [row.partition_key] if partitions else []
        did = [instant(row.done_at), row.who, row.action]
        lines.append([*did, *where, row.trade_id, row.why, row.result])
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
    type=click.IntRange(0, MAX_WAITING),
    default=20,
    show_default=True,
    metavar="N",
    help="Show N of the trades that wait, at most.",
)
@json_option
@data_option
def show(partition_key: PartitionKey, waiting: int, as_json: bool, data: Path) -> None:
    """Show how partition KEY stands, in its inbox and in the ledger, and what can be done.

    Why it is held and by whom, the parked trade that halts it, the trades that wait, upstream's
    missing numbers, and what operators did to it last.
    """
    with open_operator(locate(data, REDIS, DATABASE)) as operator:
        look = operator.standings.detail(partition_key, waiting)
        now_ms = operator.standings.now_ms()
    if not look.standing.is_known:
        raise CommandError(
            f"no trade of partition {partition_key} was accepted; `tradecapture partitions` lists "
            "those that there are",
            FOUND,
        )
    if as_json:
        show_json(close_facts(partition_key, look, now_ms))
        return
    screen = output()
    for shown in _tables(partition_key, look, now_ms):
        screen.print(shown)
    if lines := list(_what_to_do(partition_key, look, data)):
        screen.print("What you can do:")
        for line in lines:
            screen.print(f"  {line}", soft_wrap=True)


def _tables(partition_key: PartitionKey, look: PartitionDetail, now_ms: int) -> Iterator[Table]:
    yield _summary(partition_key, look, now_ms)
    if (parked := look.halting) is not None:
        columns = ("trade", "position #", "parked at", "why")
        row = (parked.trade_id, parked.position, instant(parked.recorded_at), parked.reason)
        yield table("Parked at its head", columns, [row])
    if look.waiting:
        inbox = look.standing.inbox
        number = inbox.waiting if inbox else len(look.waiting)
        rows = [
            (
                trade.position,
                trade.trade_id or f"(unreadable: {trade.unreadable})",
                None if trade.accepted_ms is None else age(now_ms - trade.accepted_ms),
                trade.sequence_number,
            )
            for trade in look.waiting
        ]
        behind = " behind it" if look.halting is not None else ""
        title = f"Waiting{behind}: the oldest {len(rows)} of {number:,}"
        yield table(title, ("position #", "trade", "age", "upstream's number #"), rows)
    if look.audit:
        yield audit_table("What operators did, the newest first", look.audit)


def _summary(partition_key: PartitionKey, look: PartitionDetail, now_ms: int) -> Table:
    row, inbox, hold = look.standing.row, look.standing.inbox, effective_hold(look.standing)
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
            shown.add_row("oldest", age(now_ms - inbox.oldest_accepted_ms))
        if inbox.owner is not None:
            shown.add_row("in hand of", f"{inbox.owner}, for {age(inbox.lease_ms)} more")
        shown.add_row("lane", str(inbox.lane))
    if row is not None:
        shown.add_row("captured", f"{row.last_sequence:,}")
        if row.paused_reason is not None and row.halted_reason is not None:
            shown.add_row("halted too", row.halted_reason)
        if row.upstream or row.buffered:
            shown.add_row("upstream's number", f"{row.upstream:,}")
    if (gap := look.gap) is not None:
        since = age(now_ms - gap.oldest.timestamp() * 1000)
        shown.add_row(
            "missing numbers", f"{missing_numbers(gap)}; {gap.buffered:,} trades wait for {since}"
        )
    return shown


def _what_to_do(partition_key: PartitionKey, look: PartitionDetail, data: Path) -> Iterator[str]:
    """Yield the commands that lead on from here."""
    hold, row = effective_hold(look.standing), look.standing.row
    halted = look.halting is not None or (hold is not None and hold.kind is HoldKind.HALTED)
    if row is not None and row.paused_reason is not None:
        yield command_line(data, "partitions", "resume", partition_key)
    if halted:
        yield command_line(data, "partitions", "retry", partition_key, "--dry-run")
        yield command_line(data, "partitions", "skip", partition_key, "--why", "WHY", "--dry-run")
    if look.gap is not None and hold is None:
        yield command_line(
            data, "partitions", "release", partition_key, "--why", "WHY", "--dry-run"
        )
