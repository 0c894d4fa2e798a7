"""`scripts/performance-test.sh`: the seed's tests by name, and a whole day of trades."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.performance import day as days
from benchmarks.performance import report as reports
from benchmarks.performance.judgement import LATE_SENDING_MS, Result, judge
from benchmarks.performance.page import Page
from benchmarks.performance.plan import SCENARIOS, SEEDS_A_RUN, Scenario, plan
from benchmarks.performance.service import Service, check_reachable
from benchmarks.performance.trial import play
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
    type=click.Choice([test.name for test in SCENARIOS]),
    multiple=True,
    help="Of the seed's tests only this one; may be given several times.",
)
@click.option(
    "--trades",
    type=click.IntRange(min=1),
    default=days.TRADES,
    help="Trades of the day.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, MAX_BATCH_TRADES),
    default=MAX_BATCH_TRADES,
    help="Trades a request of the day.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, SEEDS_A_RUN),
    default=4,
    help="Requests of the day in flight.",
)
@click.option(
    "--patience",
    "patience_seconds",
    type=click.FloatRange(min=0.1),
    default=60.0,
    metavar="SECONDS",
    help="Wait for captures that long after the last answer; of the day: without progress.",
)
@click.option(
    "--about",
    default="",
    show_default=False,
    metavar="TEXT",
    help="What it runs against, for the report.",
)
@click.option(
    "--write",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the results into this Markdown page too, between the marks of the profile.",
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

    Sends trades to BASE_URL (or the variable BASE_URL), each under an id that no run has used, and
    looks what becomes of them by the same API, so that it may run against any deployment, again
    and again. The trades stay in its ledger.

    \b
    The four tests:
      latency    100 trades at 20/s
      sustained  690 trades at 23/s, the desk's 2 million a day evened out
      burst      920 trades at 184/s, its busiest
      parallel   10 partitions at once, 20 trades each

    Trades are sent by the clock, whether or not those before were answered, and counted from the
    moment at which they were due. Targets: 95 % of the answers (202) within 500 ms, 95 % of the
    captures within 500 ms of the same moment, every trade captured, each partition in order.
    """
    base_url = base_url.rstrip("/")
    page = None if file is None else Page(file, profile)
    if (health := check_reachable(base_url)) != "UP":
        messages().print(f"{base_url} says that it is {health}; {base_url}/api/v1/health says why")
    # Of this moment, so that each run has trade ids and partitions of its own.
    seed = time.time_ns() // 1_000_000 * SEEDS_A_RUN
    at = datetime.now(UTC)
    if profile == DAY:
        with progress_bar() as progress:
            tasks = {
                what: progress.add_task(what, total=trades, note="")
                for what in ("accepted", "captured")
            }
            day = days.play(
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
        found: reports.Report | days.Day = day
        shown, text = reports.day_tables(day), reports.day_markdown(day)
        remarked = [f"day: {day.problem}"] if day.problem and not day.reached else []
    else:
        chosen = [test for test in SCENARIOS if not names or test.name in names]
        results = asyncio.run(_tests(base_url, chosen, seed, at, patience_seconds))
        reached = all(result.reached for result in results)
        found = report = reports.Report(about, base_url, at, results, reached)
        shown, text = reports.tables(report), reports.markdown(report)
        remarked = [*reports.problems(results), *_late(results)]
    if as_json:
        show_json(found)
    else:
        for drawn in shown:
            output().print(drawn)
    for line in remarked:
        messages().print(line)
    if page is not None:
        page.write(text)
    if not found.reached:
        raise SystemExit(EXIT_FAULT)


async def _tests(
    base_url: str, tests: Sequence[Scenario], seed: int, at: datetime, patience_seconds: float
) -> list[Result]:
    results: list[Result] = []
    with progress_bar() as progress, closing(Service(base_url)) as service:
        for number, test in enumerate(tests):
            task = progress.add_task(test.name, total=test.trades, note=test.what)
            # Each test takes at most as many seeds as it has partitions to interleave.
            planned = plan(test, seed + number * 100, at.date())
            seen = await play(
                test,
                planned,
                service,
                patience_seconds,
                lambda task=task: progress.advance(task),  # type: ignore[misc]
            )
            results.append(judge(seen))
    return results


def _late(results: Sequence[Result]) -> list[str]:
    """Return a line for each test of which this machine sent trades late."""
    return [
        f"{result.name}: this machine sent trades up to {late.max_ms:.0f} ms late, which counts "
        "in the figures; run it from a host that is less busy"
        for result in results
        if (late := result.late_sending) is not None and late.p95_ms > LATE_SENDING_MS
    ]


if __name__ == "__main__":
    main(prog_name="scripts/performance-test.sh")
