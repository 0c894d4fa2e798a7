"""`tradecapture partitions pause`, `resume`, `retry`, `skip`, `release`: act on one partition."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from tradecapture.cli.command_lines import command_line
from tradecapture.cli.errors import EXIT_FAULT, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import (
    by_arguments,
    by_option,
    check_reason,
    data_option,
    find_settings,
    json_option,
    partition_argument,
    why_option,
)
from tradecapture.cli.output import output, show_json
from tradecapture.operations import (
    REASON_REQUIRED,
    Action,
    ActionRequest,
    ActionResult,
    open_operator,
)
from tradecapture.settings import DATABASE, REDIS
from tradecapture.trades.partition import PartitionKey

EXAMPLE_KEY = "PB00042_EQSWAP-NY_US0378331005"


class _Texts(NamedTuple):
    """The texts of an action's command."""

    help: str
    example_why: str = ""  # a reason, for the example; empty: the example needs none
    not_done: str = "Nothing was changed"  # what is safe if the action is not done


_TEXTS = {
    Action.PAUSE: _Texts(
        """Capture no more trades of partition KEY until it is resumed.

        Trades are still accepted, and wait in order. Once this command has answered, nothing more
        is captured: the ledger refuses a worker that is still at work on the partition.
        """,
        "wrong prices from upstream",
    ),
    Action.RESUME: _Texts(
        """Capture the trades of partition KEY again, after a pause.

        If a parked trade halts the partition, it stays halted: retry or skip that trade.
        """
    ),
    Action.RETRY: _Texts(
        """Capture the parked trade that halts partition KEY.

        The trade keeps its position. If the capture succeeds, the partition goes on with the next
        trade. If it fails, the partition stays halted and shows the new error. If the head could
        not be read, workers try to read it again.
        """,
        not_done="Nothing is lost: the trade is kept, and the trades after it wait in order. "
        "Remove the cause of the error and retry, or skip the trade",
    ),
    Action.SKIP: _Texts(
        """Skip the trade at the head of partition KEY; it stays parked.

        The partition must be halted or paused. It goes on with the next trade. The ledger keeps
        the skipped trade, with who skipped it, when and why. The trade can be replayed: it is then
        captured after the trades that were accepted since.
        """,
        "cancelled upstream",
    ),
    Action.RELEASE: _Texts(
        """Wait no longer for missing upstream numbers in partition KEY.

        The trades that wait for the lowest gap are captured, in the order of their numbers. If a
        trade with a missing number still comes, it is rejected; it can be replayed.
        """,
        "upstream cancelled 4 and 5",
    ),
}


def _action_command(action: Action) -> click.Command:
    texts = _TEXTS[action]
    example = f"tradecapture partitions {action} {EXAMPLE_KEY}"
    if texts.example_why:
        example += f" --why '{texts.example_why}'"

    @click.command(
        action.value,
        help=texts.help,
        epilog=epilog(
            f"{example} --dry-run",
            example,
            codes="0 done; 1 not done, and why; 2 wrong use; 3 a server out of reach",
        ),
    )
    @partition_argument()
    @why_option(required=action in REASON_REQUIRED)
    @by_option
    @click.option(
        "--dry-run", is_flag=True, help="Only say what the result would be; change nothing."
    )
    @json_option
    @data_option
    def command(
        partition_key: PartitionKey, why: str, by: str, dry_run: bool, as_json: bool, data: Path
    ) -> None:
        check_reason(by, why, action)
        request = ActionRequest(action, partition_key, by, why)
        with open_operator(find_settings(data, REDIS, DATABASE)) as operator:
            result = operator.operations.perform(request, dry_run=dry_run)
        if as_json:
            show_json(_json(request, result, dry_run))
            if not result.done:
                raise SystemExit(EXIT_FAULT)
            return
        if not result.done:
            show = command_line(data, "partitions", "show", partition_key)
            message = f"{result.message}. {texts.not_done}. To see its state: `{show}`"
            raise CommandError(message, EXIT_FAULT)
        screen = output()
        if dry_run:
            screen.print(f"Dry run, nothing was changed. The result would be: {result.message}.")
        else:
            screen.print(f"{result.message[0].upper()}{result.message[1:]}")
        for line in _next_steps(request, result, data, dry_run=dry_run):
            screen.print(f"  {line}", soft_wrap=True)

    return command


ACTION_COMMANDS = tuple(_action_command(action) for action in _TEXTS)


def _json(request: ActionRequest, result: ActionResult, dry_run: bool) -> dict[str, object]:
    return {
        "partitionKey": request.partition_key,
        "action": request.action.value,
        "by": request.who,
        "why": request.why,
        "dryRun": dry_run,
        "done": result.done,
        "message": result.message,
        "tradeId": result.trade_id,
        "outcome": result.outcome.value if result.outcome else None,
        "captured": result.captured,
    }


def _next_steps(
    request: ActionRequest, result: ActionResult, data: Path, *, dry_run: bool
) -> Iterator[str]:
    """Yield the next command: to perform the action, to undo it, or to see its effect."""
    action, partition_key = request.action, request.partition_key
    if dry_run:
        why = ("--why", request.why) if request.why else ()
        words = (*why, *by_arguments(request.who))
        yield "To do it: " + command_line(data, "partitions", action, partition_key, *words)
    elif action is Action.PAUSE:
        yield "To resume: " + command_line(data, "partitions", "resume", partition_key)
    elif action is Action.SKIP and result.trade_id is not None:
        replay = command_line(data, "replay", result.trade_id, "--why", "WHY")
        yield f"To accept it again, at the end of its partition: {replay}"
    elif result.trade_id is not None:
        yield "To see the trade: " + command_line(data, "trade", result.trade_id)
    else:
        yield "To see its state: " + command_line(data, "partitions", "show", partition_key)
