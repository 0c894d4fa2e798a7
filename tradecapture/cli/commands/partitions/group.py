"""`tradecapture partitions`: the list of partitions, and the group of its subcommands."""

from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from tradecapture.cli.commands.partitions.actions import ACTION_COMMANDS
from tradecapture.cli.commands.partitions.audit import audit
from tradecapture.cli.commands.partitions.gaps import gaps
from tradecapture.cli.commands.partitions.show import show
from tradecapture.cli.errors import EXIT_UNREACHABLE
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option
from tradecapture.cli.output import format_age, messages, output, show_json, table
from tradecapture.inbox import InboxPartition, UnreachableLanes
from tradecapture.inbox.reader import open_inbox_reader
from tradecapture.operations.views import InboxBody, inbox_body
from tradecapture.settings import REDIS
from tradecapture.trades.partition import is_partition_key


class PartitionGroup(click.Group):
    """A group that recognises a partition key in place of a subcommand."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand.

        Raises:
            click.UsageError: there is none of this name.
        """
        if self.get_command(ctx, args[0]) is None and is_partition_key(args[0]):
            ctx.fail(f"{args[0]!r} is a partition: use `{ctx.command_path} show {args[0]}`")
        return super().resolve_command(ctx, args)


@click.group(
    cls=PartitionGroup,
    invoke_without_command=True,
    epilog=epilog(
        "tradecapture partitions",
        "tradecapture partitions show PB00042_EQSWAP-NY_US0378331005",
        "tradecapture partitions pause PB00042_EQSWAP-NY_US0378331005 --why 'wrong prices'",
        "tradecapture partitions gaps",
        codes="0 done; 2 wrong use; 3 a server out of reach, or a node of a cluster: the "
        "partitions of the other nodes are listed",
    ),
)
@json_option
@data_option
@click.pass_context
def partitions(context: click.Context, as_json: bool, data: Path) -> None:
    """List all partitions, or show and change one.

    A KEY is account_book_security, with ~1 for an underscore and ~0 for a tilde inside an id.

    While lanes of a Redis Cluster are out of reach, the partitions of the other lanes are listed.
    Standard error says which lanes are missing and why, and --json prints an object, not a list.
    """
    if context.invoked_subcommand is not None:
        _check_no_options(context)
        return
    with open_inbox_reader(find_settings(data, REDIS)) as inbox:
        unreachable = UnreachableLanes(inbox.lanes)
        rows, now_ms = inbox.partitions(unreachable), inbox.now_ms()
    if as_json:
        _show_json([inbox_body(row, now_ms) for row in rows], unreachable)
    else:
        _show(rows, now_ms)
    if unreachable.lanes:
        messages().print(f"{unreachable}; their partitions are not listed", soft_wrap=True)
        raise SystemExit(EXIT_UNREACHABLE)


def _show_json(partitions: Sequence[InboxBody], unreachable: UnreachableLanes) -> None:
    # A list is complete. An incomplete one has another shape, so that no script takes it for all.
    show_json(
        {
            "lanesOutOfReach": unreachable.lanes,
            "why": str(unreachable),
            "partitions": partitions,
        }
        if unreachable.lanes
        else partitions
    )


def _show(rows: Sequence[InboxPartition], now_ms: int) -> None:
    columns = ("partition", "lane #", "accepted #", "waiting #", "oldest", "owner", "lease", "held")
    shown = [
        (
            row.partition_key,
            row.lane,
            row.accepted,
            row.waiting,
            None if row.oldest_accepted_ms is None else format_age(now_ms - row.oldest_accepted_ms),
            row.owner,
            format_age(row.lease_ms) if row.owner else None,
            str(row.hold) if row.hold else None,
        )
        for row in rows
    ]
    output().print(table(f"Partitions: {len(rows):,}", columns, shown))


for command in (show, *ACTION_COMMANDS, gaps, audit):
    partitions.add_command(command)


def _check_no_options(context: click.Context) -> None:
    """Refuse options before a subcommand: they belong to the list and would have no effect."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name is not None
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        context.fail(f"put {' and '.join(given)} after {context.invoked_subcommand}")
