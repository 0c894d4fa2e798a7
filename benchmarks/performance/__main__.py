"""`scripts/performance-test.sh`: runs the seed's tests by name, or a whole day of trades."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
from rich.table import Table

from benchmarks.performance import report as reports
from benchmarks.performance.assessment import LATE_SENDING_MS, Result, assess
from benchmarks.performance.full_day.run import TRADES, DayReport, run_day
from benchmarks.performance.page import Page
from benchmarks.performance.runner import run_scenario
from benchmarks.performance.scenarios import SCENARIOS, SEEDS_PER_RUN, Scenario, plan
from benchmarks.performance.service import Service, check_reachable
from tradecapture.api.submission.batch_reader import MAX_BATCH_TRADES
from tradecapture.cli.errors import EXIT_FAULT
from tradecapture.cli.help import epilog
from tradecapture.cli.options import json_option
from tradecapture.cli.output import messages, output, progress_bar, show_json

SEED, DAY = "seed", "day"  # the profiles


@click.command(
    context_settings={"max_content_width": 100, "show_default": True},
    epilog=epilog(
        "scripts/performance-test.sh",
        "scripts/performance-test.sh http://desk:8080 --test burst --json",
        "scripts/performance-test.sh --profile day --trades 200000",
        "scripts/performance-test.sh --about 'one host, PostgreSQL' --write docs/performance.md",
        codes=(
            "0 every target reached; 1 one was missed; 2 wrong use; 3 nothing answers at BASE_URL"
        ),
    ),
)
@click.argument("base_url", default="http://localhost:8080", envvar="BASE_URL")
@click.option(
    "--profile",
    type=click.Choice([SEED, DAY]),
    default=SEED,
    help="seed: the four tests; day: a day of 2 million trades, at full speed.",
)
@click.option(
    "--test",
    "names",
    type=click.Choice([scenario.name for scenario in SCENARIOS]),
    multiple=True,
    help="Only this test of the seed; may be given several times.",
)
@click.option(
    "--trades",
    type=click.IntRange(min=1),
    default=TRADES,
    help="Trades of the day profile.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, MAX_BATCH_TRADES),
    default=MAX_BATCH_TRADES,
    help="Trades a request, in the day profile.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, SEEDS_PER_RUN),
    default=4,
    help="Concurrent requests, in the day profile.",
)
@click.option(
    "--patience",
    "patience_seconds",
    type=click.FloatRange(min=0.1),
    default=60.0,
    metavar="SECONDS",
    help="How long to wait for captures after the last answer; day profile: without progress.",
)
@click.option(
    "--about",
    default="",
    show_default=False,
    metavar="TEXT",
    help="What BASE_URL is, for the report.",
)
@click.option(
    "--write",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the results into this Markdown page, between the marks of the profile.",
)
@json_option
def main(
    base_url: str,
    profile: str,
    names: Sequence[str],
    trades: int,
    batch: int,
    connections: int,
    patience_seconds: float,
    about: str,
    file: Path | None,
    as_json: bool,
) -> None:
    r"""Measure a running deployment over its HTTP API, and give a verdict on each target.

    Sends trades to BASE_URL (or the variable BASE_URL), each under a new id, and asks the same API
    what became of them. So it can run against any deployment, again and again. The trades stay in
    the ledger.

    \b
    The four tests:
      latency    100 trades at 20/s
      sustained  690 trades at 23/s, the desk's 2 million a day, spread evenly
      burst      920 trades at 184/s, the desk's busiest
      parallel   10 partitions at once, 20 trades each

    The clock decides when a trade is sent, whether or not earlier ones were answered. Times count
    from the moment when a trade was due. Targets: 95 % of the answers (202) within 500 ms, 95 % of
    the captures within 500 ms, every trade captured, each partition in order.
    """
    base_url = base_url.rstrip("/")
    page = None if file is None else Page(file, profile)
    if (health := check_reachable(base_url)) != "UP":
        messages().print(f"{base_url} says that it is {health}; {base_url}/api/v1/health says why")
    # From the current time, so that each run has new trade ids and partitions.
    seed = time.time_ns() // 1_000_000 * SEEDS_PER_RUN
    if profile == DAY:
        result = _day(base_url, trades, batch, connections, seed, patience_seconds, about)
    else:
        scenarios = [s for s in SCENARIOS if not names or s.name in names]
        result = _tests(base_url, scenarios, seed, patience_seconds, about)
    if as_json:
        show_json(result.report)
    else:
        for table in result.tables:
            output().print(table)
    for line in result.remarks:
        messages().print(line)
    if page is not None:
        page.write(result.markdown)
    if not result.report.reached:
        raise SystemExit(EXIT_FAULT)


class _RunResult(NamedTuple):
    """A report, and the forms that it is shown in."""

    report: reports.Report | DayReport
    tables: Sequence[Table]
    markdown: str
    remarks: Sequence[str]


def _day(
    base_url: str,
    trades: int,
    batch: int,
    connections: int,
    seed: int,
    patience_seconds: float,
    about: str,
) -> _RunResult:
    at = datetime.now(UTC)
    with progress_bar() as progress:
        tasks = {
            what: progress.add_task(what, total=trades, note="")
            for what in ("accepted", "captured")
        }
        day = run_day(
            base_url,
            trades=trades,
            batch=batch,
            connections=connections,
            seed=seed,
            today=at.date(),
            patience_seconds=patience_seconds,
            progress=lambda what, done: progress.update(tasks[what], completed=done),
            about=about,
            at=at,
        )
    lines = [f"day: {day.problem}"] if day.problem and not day.reached else []
    return _RunResult(day, reports.day_tables(day), reports.day_markdown(day), lines)


def _tests(
    base_url: str, scenarios: Sequence[Scenario], seed: int, patience_seconds: float, about: str
) -> _RunResult:
    at = datetime.now(UTC)
    results = asyncio.run(_run_scenarios(base_url, scenarios, seed, at, patience_seconds))
    reached = all(result.reached for result in results)
    report = reports.Report(about, base_url, at, results, reached)
    lines = [*reports.problems(results), *_late_remarks(results)]
    return _RunResult(report, reports.tables(report), reports.markdown(report), lines)


async def _run_scenarios(
    base_url: str, scenarios: Sequence[Scenario], seed: int, at: datetime, patience_seconds: float
) -> list[Result]:
    results: list[Result] = []
    with progress_bar() as progress, closing(Service(base_url)) as service:
        for number, scenario in enumerate(scenarios):
            task = progress.add_task(scenario.name, total=scenario.trades, note=scenario.what)
            # A scenario uses at most as many seeds as it has partitions to interleave.
            planned = plan(scenario, seed + number * 100, at.date())
            observation = await run_scenario(
                scenario,
                planned,
                service,
                patience_seconds,
                lambda task=task: progress.advance(task),  # type: ignore[misc]
            )
            results.append(assess(observation))
    return results


def _late_remarks(results: Sequence[Result]) -> list[str]:
    """Return a line for each test in which this machine sent trades late."""
    return [
        f"{result.name}: this machine sent trades up to {late.max_ms:.0f} ms late, which counts "
        "in the figures; run it from a host that is less busy"
        for result in results
        if (late := result.late_sending) is not None and late.p95_ms > LATE_SENDING_MS
    ]


if __name__ == "__main__":
    main(prog_name="scripts/performance-test.sh")
