"""`tradecapture demo`: thousands of trades through a fleet of its own, and what that proves."""

import os
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tradecapture.cli.demo_evidence import gather
from tradecapture.cli.demo_report import Sending, report_on
from tradecapture.cli.demo_screen import Found, show
from tradecapture.cli.demo_traffic import Job, at_a_pace, at_full_speed, send
from tradecapture.cli.ending import await_outcomes
from tradecapture.cli.epilog import epilog
from tradecapture.cli.failure import FOUND, USAGE, CommandError
from tradecapture.cli.fleet_run import FleetRun, Say
from tradecapture.cli.place import BROKER, DATABASE, REDIS, open_inbox, open_ledger
from tradecapture.cli.preparation import prepared
from tradecapture.cli.screen import bar, json_option, remarks, show_json
from tradecapture.generate import Mix, generate
from tradecapture.local.ports import free_port

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
    say = remarks().print
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(TemporaryDirectory(prefix="tradecapture-")))
        if folder.is_dir() and any(folder.iterdir()):
            raise CommandError(
                f"--data {folder} is not empty, and the demo must begin with an empty ledger. "
                "Nothing was changed: give another folder, or empty this one",
                USAGE,
            )
        given = {n: value for n, value in os.environ.items() if n not in (REDIS, BROKER, DATABASE)}
        ports = {"api_port": free_port(), "flower_port": 0}
        run = stack.enter_context(
            prepared(folder, say, given, **ports, workers=WORKERS, concurrency=1)
        )
        found = run.run(
            lambda run, stop: _run(run, stop, trades, seed, say), ready_seconds=READY_SECONDS
        )
    if found is None:
        raise click.Abort
    if as_json:
        show_json(found.report)
    else:
        show(found, data)
    if not found.report.proven:
        raise SystemExit(FOUND)


def _run(run: FleetRun, stop: threading.Event, trades: int, seed: int, say: Say) -> Found | None:
    if stop.is_set():
        return None
    today = datetime.now(UTC).date()
    flood = Mix(trades, seed, today=today)
    burst = Mix(round(BURST_TRADES_A_SECOND * BURST_SECONDS), seed + 1, today=today)
    phases: dict[str, Sending] = {}
    settings = run.fleet.settings
    with open_inbox(settings) as inbox, open_ledger(settings) as ledger, bar() as progress:

        def play(name: str, mix: Mix, jobs: list[Job]) -> None:
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
        play(BURST, burst, list(at_a_pace(generate(burst), BURST_TRADES_A_SECOND)))
        if stop.is_set():
            return None
        report = report_on(gather(phases, [flood, burst], inbox, ledger))
        busiest = sorted(ledger.positions(), key=lambda row: row.last_sequence, reverse=True)
    return Found(report, busiest[:SHOWN_POSITIONS])
