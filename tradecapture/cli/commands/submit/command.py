"""`tradecapture submit`: submits the trades of files, and shows what became of each row."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click

from tradecapture.capture.status import await_outcomes
from tradecapture.cli.commands.submit.files import Format, read_trades
from tradecapture.cli.commands.submit.report import MAX_SHOWN, SubmitReport, SubmitResult
from tradecapture.cli.commands.submit.sending import send
from tradecapture.cli.errors import EXIT_FAULT, EXIT_UNREACHABLE, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings
from tradecapture.cli.output import messages, output, progress_bar, table
from tradecapture.client import Client
from tradecapture.ledger.queries.operator_reader import open_operator_reader
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
            "2 wrong use, or a file that cannot be read; 3 Redis or the database does not answer"
        ),
    )
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILES)
@click.option(
    "--format",
    "forced",
    type=click.Choice([kind.value for kind in Format]),
    help="Format of the files; by default decided by the suffix or the first line.",
)
@click.option("--wait", is_flag=True, help="Wait until every accepted trade has an outcome.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="With --wait: how long to wait at most.",
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
    """Submit the trades of files: NDJSON, JSON or CSV.

    A FILE of - is standard input. A JSON file is an array of trades or one trade. A refused row is
    reported and does not stop the others. It is always harmless to submit a file again: trades
    that were accepted before are recognised.

    In a CSV file each row is a trade with one lot. The first line names the columns. Required are
    tradeId, accountId, bookId, securityId, source, tradeDate, counterpartyIds and quantity.
    Optional are unit, price, currency, lotIdentifier, tradeTimestamp, bookingTimestamp,
    sequenceNumber, enteredBy, entryTimestamp, idempotencyKey and metadata.NAME. Semicolons
    separate several counterparties.
    """
    settings = find_settings(data, REDIS, DATABASE)
    report = SubmitReport(errors)
    with ExitStack() as stack:
        streams = [_open(stack, name) for name in files]
        # The beginning of every file is read before the first trade is sent.
        trade_files = [
            read_trades(_display_name(name), stream, Format(forced) if forced else None)
            for name, stream in zip(files, streams, strict=True)
        ]
        client = stack.enter_context(Client(settings))
        send(client, trade_files, _size(files), report)
    outcomes = _wait(settings, report, timeout) if wait and report.accepted_ids else None
    _show(report, outcomes)
    _check_sent(report)
    waiting = 0 if outcomes is None else len(report.accepted_ids) - len(outcomes)
    if waiting:
        messages().print(
            f"{waiting} trades have no outcome yet after {timeout:g} s. They are safe and wait: "
            "see `tradecapture partitions`, and `tradecapture doctor` for whether workers run."
        )
    if report.refused or waiting or (outcomes and not _all_captured(outcomes)):
        raise SystemExit(EXIT_FAULT)


def _wait(
    settings: Settings, report: SubmitReport, timeout_seconds: float
) -> Mapping[str, Outcome]:
    with progress_bar() as progress, open_operator_reader(settings) as ledger:
        task = progress.add_task("capturing", total=len(report.accepted_ids), note="")
        return await_outcomes(
            ledger,
            report.accepted_ids,
            timeout_seconds,
            lambda done: progress.update(task, completed=done),
        )


def _all_captured(outcomes: Mapping[str, Outcome]) -> bool:
    return set(outcomes.values()) <= {Outcome.CAPTURED, Outcome.DUPLICATE}


def _show(report: SubmitReport, outcomes: Mapping[str, Outcome] | None) -> None:
    rows: list[tuple[str, int]] = [
        (result.value, report.counts[result])
        for result in SubmitResult
        if report.counts[result] or result is SubmitResult.ACCEPTED
    ]
    if outcomes is not None:
        counts = Counter(outcomes.values())
        rows += [
            (f"now {outcome.value.lower()}", counts[outcome])
            for outcome in Outcome
            if counts[outcome]
        ]
        if waiting := len(report.accepted_ids) - len(outcomes):
            rows.append(("still waiting", waiting))
    output().print(table("Submitted", ("outcome", "trades #"), rows))
    for refused in report.shown:
        trade_id = f" ({refused.trade_id})" if refused.trade_id else ""
        messages().print(
            f"{refused.file}, row {refused.row}{trade_id}: {'; '.join(refused.reasons)}"
        )
    if report.refused > MAX_SHOWN:
        more = report.refused - MAX_SHOWN
        messages().print(f"... and {more} more: --errors FILE writes all of them to a file")


def _check_sent(report: SubmitReport) -> None:
    """End with an error if trades were not sent: Redis does not answer, or too many wait."""
    if report.counts[SubmitResult.UNAVAILABLE]:
        raise CommandError(
            f"Redis does not answer any more. {report.safe} trades are safe on its disk, the "
            "others were not sent. When it is back, run the same command again: that is harmless, "
            "because trades that were accepted are recognised",
            EXIT_UNREACHABLE,
        )
    if report.counts[SubmitResult.FULL]:
        raise CommandError(
            f"{report.not_sent_because}. {report.safe} trades are safe on disk, the others were "
            "not sent. See whether workers run (`tradecapture doctor`) and which partitions are "
            "held (`tradecapture partitions`). Then run the same command again: that is harmless, "
            "because trades that were accepted are recognised",
            EXIT_UNREACHABLE,
        )


def _open(stack: ExitStack, name: str) -> BinaryIO:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer
    return stack.enter_context(Path(name).open("rb"))


def _display_name(name: str) -> str:
    return "standard input" if name == STANDARD_INPUT else name


def _size(names: Iterable[str]) -> int | None:
    """Return the bytes of all files together; None: standard input is among them."""
    if STANDARD_INPUT in names:
        return None
    return sum(Path(name).stat().st_size for name in names)
