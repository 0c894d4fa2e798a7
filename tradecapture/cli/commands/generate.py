"""`tradecapture generate`: realistic sample trades, one JSON document a line."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from tradecapture.cli.errors import EXIT_USAGE, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.output import progress_bar
from tradecapture.local.samples.trades import MAX_SKEW, SampleSpec
from tradecapture.local.samples.trades import generate as generate_trades

BAR_STEP_TRADES = 500  # between two updates of the bar; an update costs as much as some trades
SHARE = click.FloatRange(0, 1)


@click.command(
    epilog=epilog(
        "tradecapture generate --trades 100000 --seed 7 --output trades.ndjson",
        "tradecapture generate --partitions 1 | tradecapture submit -",
    )
)
@click.option(
    "--trades",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="How many, including resends and invalid trades.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="The same seed gives the same trades. It is part of each trade id.",
)
@click.option(
    "--partitions",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="How many partitions they spread over: combinations of account, book and security.",
)
@click.option(
    "--skew",
    type=click.FloatRange(0, MAX_SKEW),
    default=1.0,
    show_default=True,
    help="How unevenly they spread: the exponent of Zipf's law; 0 is evenly.",
)
@click.option(
    "--resends",
    type=SHARE,
    default=0.02,
    show_default=True,
    help="Share of trades that repeat an earlier trade.",
)
@click.option(
    "--invalid",
    type=SHARE,
    default=0.01,
    show_default=True,
    help="Share of trades that must be refused.",
)
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Trade date; by default today in UTC. The same trades need the same date.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write; by default standard output.",
)
def generate(
    trades: int,
    seed: int,
    partitions: int,
    skew: float,
    resends: float,
    invalid: float,
    today: datetime | None,
    output: Path | None,
) -> None:
    """Generate realistic sample trades as NDJSON.

    They are equity swaps, with resends and invalid trades among them.
    """
    day = (today or datetime.now(UTC)).date()
    try:
        spec = SampleSpec(trades, seed, partitions, skew, resends, invalid, today=day)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if output is None:
        # No bar: the trades themselves show the progress.
        for trade in generate_trades(spec):
            sys.stdout.buffer.write(trade + b"\n")
        return
    try:
        with output.open("wb") as file:
            _write(spec, file)
    except OSError as error:
        raise CommandError(f"--output {output} cannot be written: {error}", EXIT_USAGE) from error


def _write(spec: SampleSpec, file: BinaryIO) -> None:
    with progress_bar() as progress:
        task = progress.add_task("generating", total=spec.trades, note="")
        for number, trade in enumerate(generate_trades(spec), 1):
            file.write(trade + b"\n")
            if number % BAR_STEP_TRADES == 0 or number == spec.trades:
                progress.update(task, completed=number)
