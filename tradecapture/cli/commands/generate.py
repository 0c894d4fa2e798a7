"""`tradecapture generate`: realistic trades to try things with, one JSON a line."""

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

NOTED_TRADES = 500  # between two movements of the bar, which costs as much as some trades
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
    help="How many, resends and invalid ones included.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Of all randomness, and part of each trade id: the same seed gives the same trades.",
)
@click.option(
    "--partitions",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Combinations of account, book and security.",
)
@click.option(
    "--skew",
    type=click.FloatRange(0, MAX_SKEW),
    default=1.0,
    show_default=True,
    help="How unevenly trades fall on them: Zipf's exponent; 0 is even.",
)
@click.option(
    "--resends", type=SHARE, default=0.02, show_default=True, help="Share that is sent twice."
)
@click.option(
    "--invalid", type=SHARE, default=0.01, show_default=True, help="Share that must be refused."
)
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Trade day; by default today in UTC. Part of what makes the same trades again.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write; by default standard output.",
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
    """Generate realistic equity swaps as NDJSON, with resends and invalid ones among them."""
    day = (today or datetime.now(UTC)).date()
    try:
        mix = SampleSpec(trades, seed, partitions, skew, resends, invalid, today=day)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if output is None:
        # The trades themselves show the progress.
        for trade in generate_trades(mix):
            sys.stdout.buffer.write(trade + b"\n")
        return
    try:
        with output.open("wb") as file:
            _write(mix, file)
    except OSError as error:
        raise CommandError(f"--output {output} cannot be written: {error}", EXIT_USAGE) from error


def _write(mix: SampleSpec, file: BinaryIO) -> None:
    with progress_bar() as progress:
        task = progress.add_task("generating", total=mix.trades, note="")
        for number, trade in enumerate(generate_trades(mix), 1):
            file.write(trade + b"\n")
            if number % NOTED_TRADES == 0 or number == mix.trades:
                progress.update(task, completed=number)
