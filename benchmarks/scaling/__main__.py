"""`make scaling`: measures the scaling table, and writes docs/scaling.md, its plot and results."""

import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import click
import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.scaling.cell import DELAYS_MS, FLEET, MIXES, PROCESSES, USUAL, cells
from benchmarks.scaling.measurement.backlog import Backlogs
from benchmarks.scaling.measurement.calibration import measure_costs
from benchmarks.scaling.measurement.cells import MS, measure
from benchmarks.scaling.measurement.servers import ScalingServers, open_servers
from benchmarks.scaling.model import Machine
from benchmarks.scaling.report import page
from benchmarks.scaling.results import Results
from benchmarks.scaling.targets import (
    LINEAR_DELAY_MS,
    LINEAR_PROCESSES,
    in_order,
    target_results,
)

DOCS = Path(__file__).parents[2] / "docs"
VARIANTS = {"fleet": FLEET, "usual": USUAL}


def _numbers(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise click.BadParameter(f"{text!r}: give whole numbers from 1, separated by commas")
    return numbers


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(str(number) for number in numbers)


@click.command()
@click.option(
    "--delays",
    callback=_numbers,
    default=_joined(DELAYS_MS),
    help="Delays of an answer, in milliseconds.",
)
@click.option(
    "--processes",
    callback=_numbers,
    default=_joined(PROCESSES),
    help="Numbers of worker processes.",
)
@click.option("--mixes", multiple=True, type=click.Choice(list(MIXES)), help="All by default.")
@click.option(
    "--variants",
    "--ways",
    multiple=True,
    type=click.Choice(list(VARIANTS)),
    help="Both by default.",
)
@click.option("--seconds", default=3.0, show_default=True, help="Length of a window.")
@click.option("--trades", default=100_000, show_default=True, help="Backlog of each mix.")
@click.option(
    "--usual-trades", default=2_000, show_default=True, help="The same for the usual way."
)
@click.option("--quick", is_flag=True, help="Only the cells of the targets, in two minutes.")
@click.option(
    "--render",
    type=click.Path(path_type=Path, exists=True),
    help="Measure nothing; use the results in this file.",
)
@click.option("--into", type=click.Path(path_type=Path), default=DOCS, help="Folder to write to.")
def main(
    delays: tuple[int, ...],
    processes: tuple[int, ...],
    mixes: tuple[str, ...],
    variants: tuple[str, ...],
    seconds: float,
    trades: int,
    usual_trades: int,
    render: Path | None,
    into: Path,
    *,
    quick: bool,
) -> None:
    """Measure, write the page and the plot, and exit with 1 if a target is missed.

    The results are written to scaling.json beside the page. `--render docs/scaling.json` writes
    page and plot from them again.
    """
    if render is None:
        if quick:
            delays, processes = (LINEAR_DELAY_MS,), (1, LINEAR_PROCESSES)
            mixes = ("many", "hot")
        chosen_variants = [VARIANTS[variant] for variant in variants] or list(VARIANTS.values())
        with tempfile.TemporaryDirectory(prefix="tradecapture-scaling-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
            with open_servers(folder) as servers:
                results = _measure(
                    servers,
                    Backlogs(servers, trades, usual_trades),
                    (delays, processes, mixes or tuple(MIXES), chosen_variants),
                    seconds,
                )
        results.write(into / "scaling.json")
    else:
        results = Results.read(render)
    text = page.fill((DOCS / "scaling.md").read_text(encoding="utf-8"), results)
    (into / "scaling.md").write_text(text, encoding="utf-8")
    from benchmarks.scaling.report import plot  # noqa: PLC0415 - matplotlib is an extra, `bench`

    plot.draw(results, into / "scaling.svg")
    targets = target_results(results)
    for target in targets:
        state = "reached" if target.reached else "missed"
        click.echo(f"{target.what}: {target.text(target.value)}, {state}")
    click.echo(f"order kept in every cell of the fleet: {in_order(results)}")
    sys.exit(0 if in_order(results) and all(target.reached for target in targets) else 1)


def _measure(
    servers: ScalingServers,
    backlogs: Backlogs,
    chosen: tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...], list[str]],
    seconds: float,
) -> Results:
    delays, processes, mixes, variants = chosen
    chosen_cells = cells(delays, processes, mixes, variants)
    started = time.monotonic()
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console) as progress:
        task = progress.add_task("costs of a trade", total=len(chosen_cells))
        costs = measure_costs(servers, backlogs, seconds)
        footprint = backlogs.footprint
        for mix in mixes:
            progress.update(task, description=f"making trades: {mix}")
            backlogs.make(mix)
        measured_delays = {}
        for delay in delays:
            servers.proxy.delay(delay / MS)
            measured_delays[delay] = servers.delay_seconds()
            console.print(f"delay of {delay} ms: {MS * measured_delays[delay]:.2f} ms an answer")
        results = []
        for result in measure(servers, backlogs, chosen_cells, measured_delays, seconds):
            results.append(result)
            cell = result.cell
            console.print(
                f"{cell.series.variant}, {cell.series.mix}, batches of {cell.series.batch}, "
                f"{cell.delay_ms} ms, {cell.processes} processes: {result.rate:,.1f} trades/s"
            )
            progress.update(task, advance=1, description="measuring")
    machine = Machine(cores=psutil.cpu_count() or 1)
    run_seconds = time.monotonic() - started
    return Results(machine, measured_delays, costs, footprint, results, seconds, run_seconds)


if __name__ == "__main__":
    main()
