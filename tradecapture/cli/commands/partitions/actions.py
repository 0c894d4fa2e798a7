"""`tradecapture partitions pause`, `resume`, `retry`, `skip`, `release`: done to one partition."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from tradecapture.cli.errors import FOUND, CommandError
from tradecapture.cli.options import (
    by_option,
    by_words,
    check_words,
    data_option,
    json_option,
    locate,
    partition_argument,
    why_option,
)
from tradecapture.cli.output import command_line, epilog, output, show_json
from tradecapture.operations import REASON_REQUIRED
from tradecapture.operations.action import Action, ActionRequest, ActionResult
from tradecapture.operations.operators import open_operator
from tradecapture.settings import DATABASE, REDIS
from tradecapture.trades.partition import PartitionKey

EXAMPLE = "PB00042_EQSWAP-NY_US0378331005"


class _Words(NamedTuple):
    """What is said of an action."""

    text: str  # its help
    why: str = ""  # a reason, for the example
    refused: str = "Nothing was changed"  # what is safe where it could not be done


WORDS = {
    Action.PAUSE: _Words(
        """Capture no more trades of partition KEY, until it is resumed.

        Trades are accepted on and wait, in order. A batch that a worker has in hand is finished
        or refused: nothing is captured once this command has answered.
        """,
        "wrong prices from upstream",
    ),
    Action.RESUME: _Words(
        """Let partition KEY be captured again, after a pause.

        One that is halted by a parked trade stays so: retry or skip that trade.
        """
    ),
    Action.RETRY: _Words(
        """Capture the parked trade that halts partition KEY, in its own place.

        If that succeeds the partition goes on behind it; if it fails the partition stays halted,
        for the newest reason. A head that could not be read is tried again by the workers.
        """,
        refused="Nothing is lost: the trade is kept, and those behind it wait in order. Mend what "
        "the error names and retry, or skip the trade",
    ),
    Action.SKIP: _Words(
        """Leave the trade at the head of partition KEY parked, and go on behind it.

        The partition must be halted, or paused. The trade is kept with who skipped it, when and
        why, and can be replayed: it then stands behind the trades accepted meanwhile.
        """,
        "cancelled upstream",
    ),
    Action.RELEASE: _Words(
        """Wait no longer for the numbers of upstream that are missing in partition KEY.

        The trades that wait behind the lowest gap are captured, in the order of their numbers. A
        trade with one of the passed numbers that comes later is rejected, and can be replayed.
        """,
        "upstream cancelled 4 and 5",
    ),
}


def _deed_command(action: Action) -> click.Command:
    words = WORDS[action]
    example = f"tradecapture partitions {action} {EXAMPLE}"
    if words.why:
        example += f" --why '{words.why}'"

    @click.command(
        action.value,
        help=words.text,
        epilog=epilog(
            f"{example} --dry-run",
            example,
            codes="0 done; 1 not done, and why; 2 wrong use; 3 a server out of reach",
        ),
    )
    @partition_argument()
    @why_option(required=action in REASON_REQUIRED)
    @by_option
    @click.option("--dry-run", is_flag=True, help="Say what would come of it, and change nothing.")
    @json_option
    @data_option
    def command(
        partition_key: PartitionKey, why: str, by: str, dry_run: bool, as_json: bool, data: Path
    ) -> None:
        check_words(by, why, action)
        request = ActionRequest(action, partition_key, by, why)
        with open_operator(locate(data, REDIS, DATABASE)) as operator:
            deed = operator.operations.perform(request, dry_run=dry_run)
        if as_json:
            show_json(_facts(request, deed, dry_run))
            if not deed.done:
                raise SystemExit(FOUND)
            return
        if not deed.done:
            look = command_line(data, "partitions", "show", partition_key)
            raise CommandError(f"{deed.message}. {words.refused}. To look: `{look}`", FOUND)
        screen = output()
        said = f"{deed.message[0].upper()}{deed.message[1:]}"
        screen.print(f"Dry run, nothing was changed. It would end so: {said}." if dry_run else said)
        for line in _next(request, deed, data, dry_run=dry_run):
            screen.print(f"  {line}", soft_wrap=True)

    return command


DEEDS = tuple(_deed_command(action) for action in WORDS)


def _facts(request: ActionRequest, deed: ActionResult, dry_run: bool) -> dict[str, object]:
    return {
        "partitionKey": request.partition_key,
        "action": request.action.value,
        "by": request.who,
        "why": request.why,
        "dryRun": dry_run,
        "done": deed.done,
        "message": deed.message,
        "tradeId": deed.trade_id,
        "outcome": deed.outcome.value if deed.outcome else None,
        "captured": deed.captured,
    }


def _next(
    request: ActionRequest, deed: ActionResult, data: Path, *, dry_run: bool
) -> Iterator[str]:
    """Yield the commands that lead on: to do it, to undo it, to see what came of it."""
    action, partition_key = request.action, request.partition_key
    if dry_run:
        why = ("--why", request.why) if request.why else ()
        words = (*why, *by_words(request.who))
        yield "To do it: " + command_line(data, "partitions", action, partition_key, *words)
    elif action is Action.PAUSE:
        yield "To resume: " + command_line(data, "partitions", "resume", partition_key)
    elif action is Action.SKIP and deed.trade_id is not None:
        line = command_line(data, "replay", deed.trade_id, "--why", "WHY")
        yield f"To accept it again, at the tail: {line}"
    elif deed.trade_id is not None:
        yield "To see it: " + command_line(data, "trade", deed.trade_id)
    else:
        yield "To look: " + command_line(data, "partitions", "show", partition_key)
