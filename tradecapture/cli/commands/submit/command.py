"""`tradecapture submit`: trades of files into the inboxes, each row with its answer."""

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click

from tradecapture.capture.status import await_outcomes
from tradecapture.cli.commands.submit.answers import SHOWN, Answers, SubmitResult
from tradecapture.cli.commands.submit.files import Format, read_trades
from tradecapture.cli.commands.submit.sending import send
from tradecapture.cli.errors import EXIT_FAULT, EXIT_UNREACHABLE, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings
from tradecapture.cli.output import messages, output, progress_bar, table
from tradecapture.client import Client
from tradecapture.ledger.queries.operator_reader import open_ledger
from tradecapture.settings import DATABASE, REDIS, Settings
from tradecapture.trades.lifecycle import Outcome

STANDARD_INPUT = "-"
FILES = click.Path(exists=True, dir_okay=False, allow_dash=True)


@click.command(
    epilog=epilog(
        "tradecapture submit trades.ndjson --wait",
        "tradecapture submit monday.csv tuesday.csv --errors refused.ndjson",
        "tradecapture generate --trades 1000 | tradecapture submit -",
        codes=(
            "0 all accepted; 1 some refused, or without an outcome after --timeout; "
            "2 wrong use, or a file that cannot be read; 3 Redis or the database out of reach"
        ),
    )
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILES)
@click.option(
    "--format",
    "forced",
    type=click.Choice([kind.value for kind in Format]),
    help="Format of the files; by default from the suffix, or how the file begins.",
)
@click.option("--wait", is_flag=True, help="Wait until every accepted trade has an outcome.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait, at most.",
)
@click.option(
    "--errors",
    type=click.File("wb", lazy=False),
    metavar="FILE",
    help="Write every refused row with its reasons to this file, as NDJSON.",
)
@data_option
def submit(
    files: tuple[str, ...],
    forced: str | None,
    wait: bool,
    timeout: float,
    errors: BinaryIO | None,
    data: Path,
) -> None:
    """Submit the trades of FILEs: NDJSON, JSON (an array or one trade) or CSV; - is standard input.

    A row that is refused is reported and does not stop the others. Submitting a file again is
    always harmless: trades that were accepted before are recognised.

    A CSV file has one row a trade and one lot a row. Its first line names the columns
    tradeId,accountId,bookId,securityId,source,tradeDate,counterpartyIds,quantity
    and, where wanted, unit, price, currency, lotIdentifier, tradeTimestamp, bookingTimestamp,
    sequenceNumber, enteredBy, entryTimestamp, idempotencyKey, metadata.NAME. Several
    counterparties are separated by semicolons.
    """
    settings = find_settings(data, REDIS, DATABASE)
    answers = Answers(errors)
    with ExitStack() as stack:
        streams = [_open(stack, name) for name in files]
        # All heads are read before the first trade is sent.
        sources = [
            read_trades(_shown(name), stream, Format(forced) if forced else None)
            for name, stream in zip(files, streams, strict=True)
        ]
        client = Client(settings)
        stack.callback(client.close)
        send(client, sources, _size(files), answers)
    ended = _wait(settings, answers, timeout) if wait and answers.accepted_ids else None
    _show(answers, ended)
    if answers.counts[SubmitResult.UNAVAILABLE]:
        raise CommandError(
            f"Redis went out of reach. {answers.safe} trades are safe on its disk, the others were "
            "not sent. When it is back, run the same command again: what was accepted is "
            "recognised, so that is harmless",
            EXIT_UNREACHABLE,
        )
    if answers.counts[SubmitResult.FULL]:
        raise CommandError(
            f"{answers.not_sent_because}. {answers.safe} trades are safe on disk, the others were "
            "not sent. See whether workers run (`tradecapture doctor`) and what is held "
            "(`tradecapture partitions`); then run the same command again: what was accepted is "
            "recognised, so that is harmless",
            EXIT_UNREACHABLE,
        )
    if ended is not None and len(ended) < len(answers.accepted_ids):
        messages().print(
            f"{len(answers.accepted_ids) - len(ended)} trades have no outcome yet after "
            f"{timeout:g} s. They are safe and wait: see `tradecapture partitions`, and "
            "`tradecapture doctor` for whether workers run."
        )
    if answers.refused or (ended is not None and _not_captured(answers, ended)):
        raise SystemExit(EXIT_FAULT)


def _wait(settings: Settings, answers: Answers, seconds: float) -> dict[str, Outcome]:
    with progress_bar() as progress, open_ledger(settings) as ledger:
        task = progress.add_task("capturing", total=len(answers.accepted_ids), note="")
        return await_outcomes(
            ledger,
            answers.accepted_ids,
            seconds,
            lambda ended: progress.update(task, completed=ended),
        )


def _not_captured(answers: Answers, ended: dict[str, Outcome]) -> int:
    captured = sum(outcome in (Outcome.CAPTURED, Outcome.DUPLICATE) for outcome in ended.values())
    return len(answers.accepted_ids) - captured


def _show(answers: Answers, ended: dict[str, Outcome] | None) -> None:
    rows: list[tuple[str, int]] = [
        (answered.value, answers.counts[answered])
        for answered in SubmitResult
        if answers.counts[answered] or answered is SubmitResult.ACCEPTED
    ]
    if ended is not None:
        outcomes = list(ended.values())
        rows += [
            (f"now {outcome.value.lower()}", outcomes.count(outcome))
            for outcome in Outcome
            if outcome in outcomes
        ]
        if waiting := len(answers.accepted_ids) - len(ended):
            rows.append(("still waiting", waiting))
    output().print(table("Submitted", ("outcome", "trades #"), rows))
    for refused in answers.shown:
        messages().print(
            f"{refused.file}, row {refused.row}"
            + (f" ({refused.trade_id})" if refused.trade_id else "")
            + f": {'; '.join(refused.reasons)}"
        )
    if answers.refused > SHOWN:
        messages().print(
            f"... and {answers.refused - SHOWN} more: --errors FILE writes all of them to a file"
        )


def _open(stack: ExitStack, name: str) -> BinaryIO:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer
    return stack.enter_context(Path(name).open("rb"))


def _shown(name: str) -> str:
    return "standard input" if name == STANDARD_INPUT else name


def _size(names: Iterable[str]) -> int | None:
    """Return the bytes of all files together; None: a stream is among them."""
    if STANDARD_INPUT in names:
        return None
    return sum(Path(name).stat().st_size for name in names)
