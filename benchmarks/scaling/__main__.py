"""`make scaling`: measures the table, then writes docs/scaling.md, its plot and its results."""

import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import click
import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.scaling import page
from benchmarks.scaling.backlog import Backlogs
from benchmarks.scaling.calibration import measure_costs
from benchmarks.scaling.cell import DELAYS_MS, FLEET, MIXES, PROCESSES, USUAL, cells
from benchmarks.scaling.measure import MS, measure
from benchmarks.scaling.model import Machine
from benchmarks.scaling.results import Results
from benchmarks.scaling.stage import Stage, open_stage
from benchmarks.scaling.verdict import LINEAR_DELAY_MS, LINEAR_PROCESSES, in_order, verdicts

DOCS = Path(__file__).parents[2] / "docs"
WAYS = {"fleet": FLEET, "usual": USUAL}


def _numbers(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise click.BadParameter(f"{text!r}: give whole numbers from 1, with commas between them")
    return numbers


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(str(number) for number in numbers)


@click.command()
@click.option(
    "--delays", callback=_numbers, default=_joined(DELAYS_MS), help="Milliseconds an answer."
)
@click.option(
    "--processes", callback=_numbers, default=_joined(PROCESSES), help="Worker processes."
)
@click.option("--mixes", multiple=True, type=click.Choice(list(MIXES)), help="All by default.")
@click.option("--ways", multiple=True, type=click.Choice(list(WAYS)), help="Both by default.")
@click.option("--seconds", default=3.0, show_default=True, help="Of a window.")
@click.option("--trades", default=100_000, show_default=True, help="That wait, of each mix.")
@click.option("--usual-trades", default=2_000, show_default=True, help="The same, the usual way.")
@click.option("--quick", is_flag=True, help="The cells of the targets only, in two minutes.")
@click.option("--render", type=click.Path(path_type=Path, exists=True), help="Measure nothing.")
@click.option("--into", type=click.Path(path_type=Path), default=DOCS, help="Folder to write to.")
def main(
    delays: tuple[int, ...],
    processes: tuple[int, ...],
    mixes: tuple[str, ...],
    ways: tuple[str, ...],
    seconds: float,
    trades: int,
    usual_trades: int,
    render: Path | None,
    into: Path,
    *,
    quick: bool,
) -> None:
    """Measure, write the page and the plot, and exit with 1 if a target is missed.

    The results are in scaling.json beside the page: `--render docs/scaling.json` writes page and
    plot from them again.
    """
    if render is None:
        if quick:
            delays, processes = (LINEAR_DELAY_MS,), (1, LINEAR_PROCESSES)
            mixes = ("many", "hot")
        chosen_ways = [WAYS[way] for way in ways] or list(WAYS.values())
        with tempfile.TemporaryDirectory(prefix="tradecapture-scaling-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
            with open_stage(folder) as stage:
                results = _measure(
                    stage,
                    Backlogs(stage, trades, usual_trades),
                    (delays, processes, mixes or tuple(MIXES), chosen_ways),
                    seconds,
                )
        results.write(into / "scaling.json")
    else:
        results = Results.read(render)
    text = page.fill((DOCS / "scaling.md").read_text(encoding="utf-8"), results)
    (into / "scaling.md").write_text(text, encoding="utf-8")
    from benchmarks.scaling import plot  # noqa: PLC0415 - its library is an extra, `bench`

    plot.draw(results, into / "scaling.svg")
    found = verdicts(results)
    for verdict in found:
        state = "reached" if verdict.reached else "missed"
        click.echo(f"{verdict.what}: {verdict.text(verdict.value)}, {state}")
    click.echo(f"order kept in every cell of the fleet: {in_order(results)}")
    sys.exit(0 if in_order(results) and all(verdict.reached for verdict in found) else 1)


def _measure(
    stage: Stage,
    backlogs: Backlogs,
    chosen: tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...], list[str]],
    seconds: float,
) -> Results:
    delays, processes, mixes, ways = chosen
    to_measure = cells(delays, processes, mixes, ways)
    started = time.monotonic()
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console) as progress:
        task = progress.add_task("costs of a trade", total=len(to_measure))
        costs = measure_costs(stage, backlogs, seconds)
        footprint = backlogs.footprint
        for mix in mixes:
            progress.update(task, description=f"making trades: {mix}")
            backlogs.make(mix)
        real = {}
        for delay in delays:
            stage.proxy.hold_back(delay / MS)
            real[delay] = stage.delay_seconds()
            console.print(f"delay of {delay} ms: {MS * real[delay]:.2f} ms an answer")
        measured = []
        for found in measure(stage, backlogs, to_measure, real, seconds):
            measured.append(found)
            cell = found.cell
            console.print(
                f"{cell.series.way}, {cell.series.mix}, batches of {cell.series.batch}, "
                f"{cell.delay_ms} ms, {cell.processes} processes: {found.rate:,.1f} trades/s"
            )
            progress.update(task, advance=1, description="measuring")
    machine = Machine(cores=psutil.cpu_count() or 1)
    return Results(machine, real, costs, footprint, measured, seconds, time.monotonic() - started)


if __name__ == "__main__":
    main()
