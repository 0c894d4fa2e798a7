"""`tradecapture demo`: thousands of trades through a fleet of its own, and what that proves."""

import os
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from tradecapture.capture.status import await_outcomes
from tradecapture.cli.command_lines import DEFAULT_DATA, command_line, next_steps
from tradecapture.cli.commands.holdings import holdings_table
from tradecapture.cli.errors import EXIT_FAULT, EXIT_USAGE, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import json_option
from tradecapture.cli.output import messages, output, progress_bar, show_json, table
from tradecapture.inbox.reader import open_inbox_reader
from tradecapture.ledger import PartitionRow
from tradecapture.ledger.queries.operator_reader import open_ledger
from tradecapture.local.demo.evidence import gather
from tradecapture.local.demo.report import Report, SendResult, make_report
from tradecapture.local.demo.traffic import Request, at_full_speed, at_rate, send
from tradecapture.local.fleet.preparation import prepare_fleet
from tradecapture.local.fleet.run import FleetRun, Progress
from tradecapture.local.samples.trades import SampleSpec, generate
from tradecapture.local.servers.ports import free_port
from tradecapture.settings import BROKER, DATABASE, REDIS


class Found(NamedTuple):
    """What a demo found, and some of what it made."""

    report: Report
    positions: list[PartitionRow]


def show(found: Found, data: Path | None) -> None:
    """Print everything; `data` is the folder that the user keeps, if any."""
    report, screen = found.report, output()
    screen.print(table("Outcomes", ("outcome", "trades #"), report.outcomes.items()))
    screen.print(
        table(
            "From submission to capture",
            ("traffic", "trades #", "trades/s #", "p50 ms #", "p95 ms #", "p99 ms #"),
            [
                (
                    latency.phase,
                    latency.trades,
                    f"{latency.trades_per_second:,.0f}",
                    *(f"{ms:,.1f}" for ms in (latency.p50_ms, latency.p95_ms, latency.p99_ms)),
                )
                for latency in report.latencies
            ],
        ),
        "Measured for each trade from the sending of its HTTP request to its captured_at in the\n"
        "ledger, the moment before its transaction is committed; one machine, so one clock. At\n"
        "full speed trades queue: that latency is the length of the queue. The burst's counts.",
    )
    screen.print(
        table(
            "Proof",
            ("", "found #", "wanted #", ""),
            [
                (check.name, check.actual, check.expected, "ok" if check.holds else "FAILED")
                for check in report.checks
            ],
        ),
        holdings_table("Holdings of the three busiest partitions", found.positions),
    )
    screen.print(
        "Proven: nothing lost, nothing doubled, everything in order."
        if report.proven
        else "NOT PROVEN: see the lines that FAILED. "
        + ("The data and the logs are in the folder." if data else "--data DIR keeps the logs.")
    )
    kept = data or DEFAULT_DATA
    remark = " (the trades are still there)" if data else ""
    screen.print(f"\nNext{remark}:\n  {command_line(kept, 'up')}\n{next_steps(kept)}")


WORKERS = 2
BURST_TRADES_A_SECOND = 184.0  # the desk's burst: 2 million trades a day come to 23 a second
BURST_SECONDS = 5.0  # long enough for some hundred trades, and a p99
READY_SECONDS = 60.0  # for a new fleet; it needs 5 on two idle cores
ENDING_SECONDS = 60.0  # for every accepted trade to have its outcome; a full-speed run needs 10
SHOWN_POSITIONS = 3

FLOOD = "full speed"
BURST = f"the desk's burst, {BURST_TRADES_A_SECOND:.0f} trades/s"


@click.command(
    epilog=epilog(
        "tradecapture demo",
        "tradecapture demo --trades 100000 --data demo-data",
        codes=(
            "0 nothing was lost, doubled or reordered; 1 something was; 2 wrong use; "
            "3 a program did not run"
        ),
    )
)
@click.option(
    "--trades", type=click.IntRange(min=100), default=20_000, show_default=True, help="How many."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the generated trades.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the data in this folder, which must be empty; by default it is thrown away.",
)
@json_option
def demo(trades: int, seed: int, data: Path | None, as_json: bool) -> None:
    """Start a fleet, send thousands of trades through it over HTTP, and report what that proves.

    The fleet is its own: a Redis, a SQLite ledger, the API and two workers on free ports.
    TRADECAPTURE_REDIS_URL, TRADECAPTURE_BROKER_URL and TRADECAPTURE_DATABASE_URL are not used.
    """
    say = messages().print
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(TemporaryDirectory(prefix="tradecapture-")))
        if folder.is_dir() and any(folder.iterdir()):
            raise CommandError(
                f"--data {folder} is not empty, and the demo must begin with an empty ledger. "
                "Nothing was changed: give another folder, or empty this one",
                EXIT_USAGE,
            )
        given = {n: value for n, value in os.environ.items() if n not in (REDIS, BROKER, DATABASE)}
        ports = {"api_port": free_port(), "flower_port": 0}
        run = stack.enter_context(
            prepare_fleet(folder, say, given, **ports, workers=WORKERS, concurrency=1)
        )
        found = run.run(
            lambda run, stop: _run(run, stop, trades, seed, say),
            ready_timeout_seconds=READY_SECONDS,
        )
    if found is None:
        raise click.Abort
    if as_json:
        show_json(found.report)
    else:
        show(found, data)
    if not found.report.proven:
        raise SystemExit(EXIT_FAULT)


def _run(
    run: FleetRun, stop: threading.Event, trades: int, seed: int, say: Progress
) -> Found | None:
    if stop.is_set():
        return None
    today = datetime.now(UTC).date()
    flood = SampleSpec(trades, seed, today=today)
    burst = SampleSpec(round(BURST_TRADES_A_SECOND * BURST_SECONDS), seed + 1, today=today)
    phases: dict[str, SendResult] = {}
    settings = run.fleet.settings
    with (
        open_inbox_reader(settings) as inbox,
        open_ledger(settings) as ledger,
        progress_bar() as progress,
    ):

        def play(name: str, mix: SampleSpec, jobs: list[Request]) -> None:
            if stop.is_set():
                return
            say(f"Sending {mix.trades:,} trades over HTTP: {name}")
            sent = progress.add_task("sent and answered", total=mix.trades, note="")
            phases[name] = send(
                jobs, run.fleet.api_port, lambda done: progress.advance(sent, done), stop
            )
            ids = phases[name].sent_at
            captured = progress.add_task("with an outcome", total=len(ids), note="")
            await_outcomes(
                ledger,
                ids,
                ENDING_SECONDS,
                lambda done: progress.update(captured, completed=done),
                stop,
            )

        play(FLOOD, flood, list(at_full_speed(generate(flood))))
        play(BURST, burst, list(at_rate(generate(burst), BURST_TRADES_A_SECOND)))
        if stop.is_set():
            return None
        report = make_report(gather(phases, [flood, burst], inbox, ledger))
        busiest = sorted(ledger.positions(), key=lambda row: row.last_sequence, reverse=True)
    return Found(report, busiest[:SHOWN_POSITIONS])
