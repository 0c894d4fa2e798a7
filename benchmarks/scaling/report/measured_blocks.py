"""The blocks of the page that show what was measured."""

from collections.abc import Callable

from benchmarks.markdown import markdown_table
from benchmarks.scaling.cell import FLEET, SERIES, USUAL, Series
from benchmarks.scaling.results import Results
from benchmarks.scaling.targets import in_order, linear_share, target_results


def conditions_block(results: Results) -> str:
    """Return how the run measured."""
    rows = [
        [f"{ms} ms", f"{1000 * seconds:.1f} ms"] for ms, seconds in sorted(results.delays.items())
    ]
    return (
        f"Cores: {results.machine.cores}. Window: {results.window_seconds:g} s a cell. "
        f"Cells: {len(results.cells)}. The run took {results.run_seconds / 60:.0f} minutes. "
        f"Inversions and gaps of the fleet in all its cells: "
        f"{'none' if in_order(results) else 'SOME'}.\n\n"
        + markdown_table(["delay set", "delay measured, an answer #"], rows)
    )


def targets_block(results: Results) -> str:
    """Return the targets, and which were reached."""
    rows = [
        [
            target.what,
            target.text(target.value),
            f"≥ {target.text(target.target)}",
            "yes" if target.reached else "**no**",
        ]
        for target in target_results(results)
    ]
    return markdown_table(["figure", "measured #", "target #", "reached #"], rows)


def rates_block(results: Results, variant: str) -> str:
    """Return the trades a second of a variant."""
    return markdown_table(*_grid(results, variant, lambda *cell: _rate(results, *cell)))


def linear_block(results: Results) -> str:
    """Return the fleet's rates as shares of linear scaling."""

    def cell(series: Series, delay: int, number: int) -> str:
        share = linear_share(results, series, delay, number)
        return "" if share is None else f"{share:.0%}"

    return markdown_table(*_grid(results, FLEET, cell))


def _grid(
    results: Results, variant: str, cell: Callable[[Series, int, int], str]
) -> tuple[list[str], list[list[str]]]:
    cells = {result.cell for result in results.cells}
    numbers = sorted({cell.processes for cell in cells})
    rows = [
        [
            f"{series.mix}, batches of {series.batch:,}, {delay} ms"
            if variant == FLEET
            else f"{series.mix}, {delay} ms",
            *(cell(series, delay, number) for number in numbers),
        ]
        for series in SERIES
        for delay in sorted(results.delays)
        if series.variant == variant
        and any((c.series, c.delay_ms) == (series, delay) for c in cells)
    ]
    return ["", *(f"{number} #" for number in numbers)], rows


def _rate(results: Results, series: Series, delay: int, number: int) -> str:
    rate = results.rate(series, delay, number)
    return "" if rate is None else f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def disorder_block(results: Results) -> str:
    """Return how often the usual way lost the order."""
    usual = [result for result in results.cells if result.cell.series.variant == USUAL]
    late = sum(result.inversions for result in usual)
    trades = sum(result.trades for result in usual)
    cells = sum(result.inversions > 0 for result in usual)
    return (
        f"Of {trades:,} trades that the usual way captured in its windows, {late:,} are in the "
        f"ledger after a trade that was accepted later, in {cells} of {len(usual)} cells."
    )
