"""`tradecapture demo`: sends thousands of trades through a fleet and proves the result."""

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click
from rich.table import Table

from tradecapture.capture.status import await_outcomes
from tradecapture.cli.command_lines import DEFAULT_DATA, command_line, next_steps
from tradecapture.cli.commands.holdings import holdings_table
from tradecapture.cli.errors import EXIT_FAULT, EXIT_USAGE, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import json_option
from tradecapture.cli.output import messages, output, progress_bar, show_json, table
from tradecapture.inbox.reader import open_inbox_reader
from tradecapture.ledger import PartitionRow
from tradecapture.ledger.queries.operator_reader import open_operator_reader
from tradecapture.local.demo.evidence import gather
from tradecapture.local.demo.report import Latency, Report, SendResult, make_report
from tradecapture.local.demo.traffic import Request, at_full_speed, at_rate, send
from tradecapture.local.fleet.preparation import prepare_fleet
from tradecapture.local.fleet.run import FleetRun, Progress
from tradecapture.local.samples.trades import SampleSpec, generate
from tradecapture.local.servers.ports import free_port
from tradecapture.settings import BROKER, DATABASE, REDIS

WORKERS = 2
BURST_TRADES_PER_SECOND = 184.0  # the desk's busiest second; its 2 million a day are 23 a second
BURST_SECONDS = 5.0  # enough trades for a p99
READY_TIMEOUT_SECONDS = 60.0  # for a new fleet; on two idle cores it needs 5
# For the outcomes of all accepted trades; a full-speed run needs 10.
OUTCOME_TIMEOUT_SECONDS = 60.0
SHOWN_PARTITIONS = 3

FULL_SPEED = "full speed"
BURST = f"burst, {BURST_TRADES_PER_SECOND:.0f} trades/s"


class DemoResult(NamedTuple):
    """The report of a demo, and the partitions with the most trades."""

    report: Report
    busiest: Sequence[PartitionRow]


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
    "--trades",
    type=click.IntRange(min=100),
    default=20_000,
    show_default=True,
    help="How many trades to send.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Seed of the generated trades."
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the data in this folder, which must be empty; by default it is deleted.",
)
@json_option
def demo(trades: int, seed: int, data: Path | None, as_json: bool) -> None:
    """Run a fleet, send it thousands of trades, and check the result.

    The trades go over HTTP into a fleet of its own: Redis, a SQLite ledger, the API and two
    workers, on free ports. TRADECAPTURE_REDIS_URL, TRADECAPTURE_BROKER_URL and
    TRADECAPTURE_DATABASE_URL are ignored. The report shows the outcomes and the latencies, and
    proves that no trade was lost, doubled or reordered.
    """
    report = messages().print
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(TemporaryDirectory(prefix="tradecapture-")))
        if folder.is_dir() and any(folder.iterdir()):
            raise CommandError(
                f"--data {folder} is not empty, and the demo must begin with an empty ledger. "
                "Nothing was changed: give another folder, or empty this one",
                EXIT_USAGE,
            )
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in (REDIS, BROKER, DATABASE)
        }
        run = stack.enter_context(
            prepare_fleet(
                folder,
                report,
                environment,
                api_port=free_port(),
                flower_port=0,
                workers=WORKERS,
                concurrency=1,
            )
        )
        result = run.run(
            lambda run, stop: _send_all(run, stop, trades, seed, report),
            ready_timeout_seconds=READY_TIMEOUT_SECONDS,
        )
    if result is None:
        raise click.Abort
    if as_json:
        show_json(result.report)
    else:
        _show(result, data)
    if not result.report.proven:
        raise SystemExit(EXIT_FAULT)


def _send_all(
    run: FleetRun, stop: threading.Event, trades: int, seed: int, report: Progress
) -> DemoResult | None:
    """Send the trades of both phases and read what became of them; None: the user stopped it."""
    today = datetime.now(UTC).date()
    full_speed = SampleSpec(trades, seed, today=today)
    burst_trades = round(BURST_TRADES_PER_SECOND * BURST_SECONDS)
    burst = SampleSpec(burst_trades, seed + 1, today=today)
    phases: dict[str, SendResult] = {}
    settings = run.fleet.settings
    with (
        open_inbox_reader(settings) as inbox,
        open_operator_reader(settings) as ledger,
        progress_bar() as progress,
    ):

        def send_phase(name: str, spec: SampleSpec, requests: Sequence[Request]) -> None:
            if stop.is_set():
                return
            report(f"Sending {spec.trades:,} trades over HTTP: {name}")
            sent = progress.add_task("sent and answered", total=spec.trades, note="")
            phases[name] = send(
                requests, run.fleet.api_port, lambda done: progress.advance(sent, done), stop
            )
            ids = phases[name].sent_at
            captured = progress.add_task("with an outcome", total=len(ids), note="")
            await_outcomes(
                ledger,
                ids,
                OUTCOME_TIMEOUT_SECONDS,
                lambda done: progress.update(captured, completed=done),
                stop,
            )

        send_phase(FULL_SPEED, full_speed, list(at_full_speed(generate(full_speed))))
        send_phase(BURST, burst, list(at_rate(generate(burst), BURST_TRADES_PER_SECOND)))
        if stop.is_set():
            return None
        evidence = gather(phases, [full_speed, burst], inbox, ledger)
        rows = sorted(ledger.partitions(), key=lambda row: row.last_sequence, reverse=True)
    return DemoResult(make_report(evidence), rows[:SHOWN_PARTITIONS])


def _show(result: DemoResult, data: Path | None) -> None:
    """Print the report.

    Args:
        result: of the demo.
        data: the folder that the user keeps; None: it is deleted.
    """
    report, screen = result.report, output()
    screen.print(table("Outcomes", ("outcome", "trades #"), report.outcomes.items()))
    screen.print(_latency_table(report.latencies))
    screen.print(
        "A latency is the time from the sending of a trade's HTTP request to its captured_at in "
        "the ledger, just before its transaction is committed. At full speed the latency is mostly "
        "time in the queue, so the latency of the burst is the one that counts."
    )
    screen.print(
        table(
            "Proof",
            ("", "found #", "expected #", ""),
            [
                (check.name, check.actual, check.expected, "ok" if check.holds else "FAILED")
                for check in report.checks
            ],
        )
    )
    screen.print(holdings_table("Holdings of the three busiest partitions", result.busiest))
    if report.proven:
        screen.print("Proven: nothing lost, nothing doubled, everything in order.")
    else:
        logs = "The data and the logs are in the folder." if data else "--data DIR keeps the logs."
        screen.print(f"NOT PROVEN: see the checks that FAILED. {logs}")
    note = " (the trades are still there)" if data else ""
    folder = data or DEFAULT_DATA
    screen.print(
        f"\nNext{note}:\n  {command_line(folder, 'up')}\n{next_steps(folder)}", soft_wrap=True
    )


def _latency_table(latencies: Sequence[Latency]) -> Table:
    return table(
        "From submission to capture",
        ("traffic", "trades #", "trades/s #", "p50 ms #", "p95 ms #", "p99 ms #"),
        [
            (
                latency.phase,
                latency.trades,
                f"{latency.trades_per_second:,.0f}",
                *(f"{ms:,.1f}" for ms in (latency.p50_ms, latency.p95_ms, latency.p99_ms)),
            )
            for latency in latencies
        ],
    )
