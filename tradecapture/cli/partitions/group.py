"""`tradecapture partitions`: how each partition stands; with a subcommand, what is done to one."""

from pathlib import Path

import click
from click.core import ParameterSource

from tradecapture.cli.epilog import epilog
from tradecapture.cli.partitions.audit import audit
from tradecapture.cli.partitions.deeds import DEEDS
from tradecapture.cli.partitions.facts import inbox_facts
from tradecapture.cli.partitions.gaps import gaps
from tradecapture.cli.partitions.show import show
from tradecapture.cli.place import REDIS, data_option, locate, open_inbox
from tradecapture.cli.screen import age, json_option, output, show_json, table
from tradecapture.partition import is_partition_key


class PartitionGroup(click.Group):
    """A group that knows a partition key when it is given one in place of a subcommand."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand.

        Raises:
            click.UsageError: there is none of this name.
        """
        if self.get_command(ctx, args[0]) is None and is_partition_key(args[0]):
            ctx.fail(f"{args[0]!r} is a partition: `{ctx.command_path} show {args[0]}` shows it")
        return super().resolve_command(ctx, args)


@click.group(
    cls=PartitionGroup,
    invoke_without_command=True,
    epilog=epilog(
        "tradecapture partitions",
        "tradecapture partitions show PB00042_EQSWAP-NY_US0378331005",
        "tradecapture partitions pause PB00042_EQSWAP-NY_US0378331005 --why 'wrong prices'",
        "tradecapture partitions gaps",
    ),
)
@json_option
@data_option
@click.pass_context
def partitions(context: click.Context, as_json: bool, data: Path) -> None:
    """Show how all partitions stand; or show, pause, resume, retry, skip or release one.

    A KEY is account_book_security, with ~1 for an underscore and ~0 for a tilde inside an id.
    """
    if context.invoked_subcommand is not None:
        _check_no_options(context)
        return
    with open_inbox(locate(data, REDIS)) as inbox:
        rows, now_ms = inbox.partitions(), inbox.now_ms()
    if as_json:
        show_json([inbox_facts(row, now_ms) for row in rows])
        return
    columns = ("partition", "lane #", "accepted #", "waiting #", "oldest", "owner", "lease", "held")
    shown = [
        (
            row.partition,
            row.lane,
            row.accepted,
            row.waiting,
            None if row.oldest_accepted_ms is None else age(now_ms - row.oldest_accepted_ms),
            row.owner,
            age(row.lease_ms) if row.owner else None,
            str(row.held) if row.held else None,
        )
        for row in rows
    ]
    output().print(table(f"Partitions: {len(rows):,}", columns, shown))


for command in (show, *DEEDS, gaps, audit):
    partitions.add_command(command)


def _check_no_options(context: click.Context) -> None:
    """Refuse options of the list before a subcommand, which has its own: they would say nothing."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name is not None
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        context.fail(f"put {' and '.join(given)} behind {context.invoked_subcommand}")
