"""The blocks of the page that show what was measured."""

from collections.abc import Callable

from benchmarks.scaling.cell import FLEET, SERIES, USUAL, Series
from benchmarks.scaling.results import Results
from benchmarks.scaling.table import table
from benchmarks.scaling.verdict import in_order, linear_share, verdicts


def conditions_block(results: Results) -> str:
    """Return how it was measured."""
    rows = [
        [f"{ms} ms", f"{1000 * seconds:.1f} ms"] for ms, seconds in sorted(results.delays.items())
    ]
    return (
        f"Cores: {results.machine.cores}. Window: {results.window_seconds:g} s a cell. "
        f"Cells: {len(results.measured)}. The run took {results.run_seconds / 60:.0f} minutes. "
        f"Inversions and gaps of the fleet in all its cells: "
        f"{'none' if in_order(results) else 'SOME'}.\n\n"
        + table(["delay set", "delay measured, an answer"], rows)
    )


def verdicts_block(results: Results) -> str:
    """Return what was to be reached, and what was."""
    rows = [
        [v.what, v.text(v.value), f"≥ {v.text(v.target)}", "yes" if v.reached else "**no**"]
        for v in verdicts(results)
    ]
    return table(["target", "measured", "wanted", "reached"], rows)


def rates_block(results: Results, way: str) -> str:
    """Return the trades a second of a way."""
    return table(*_grid(results, way, lambda *cell: _rate(results, *cell)))


def linear_block(results: Results) -> str:
    """Return the rates as shares of linear."""

    def cell(series: Series, delay: int, number: int) -> str:
        share = linear_share(results, series, delay, number)
        return "" if share is None else f"{share:.0%}"

    return table(*_grid(results, FLEET, cell))


def _grid(
    results: Results, way: str, cell: Callable[[Series, int, int], str]
) -> tuple[list[str], list[list[str]]]:
    cells = {measured.cell for measured in results.measured}
    numbers = sorted({cell.processes for cell in cells})
    rows = [
        [
            f"{series.mix}, batches of {series.batch:,}, {delay} ms"
            if way == FLEET
            else f"{series.mix}, {delay} ms",
            *(cell(series, delay, number) for number in numbers),
        ]
        for series in SERIES
        for delay in sorted(results.delays)
        if series.way == way and any((c.series, c.delay_ms) == (series, delay) for c in cells)
    ]
    return ["", *(str(number) for number in numbers)], rows


def _rate(results: Results, series: Series, delay: int, number: int) -> str:
    rate = results.rate(series, delay, number)
    return "" if rate is None else f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def disorder_block(results: Results) -> str:
    """Return how often the usual way lost the order."""
    usual = [m for m in results.measured if m.cell.series.way == USUAL]
    late = sum(m.inversions for m in usual)
    trades = sum(m.trades for m in usual)
    return (
        f"Of {trades:,} trades that the usual way captured in its windows, {late:,} stand in the "
        f"ledger after one that was accepted later, in {sum(m.inversions > 0 for m in usual)} of "
        f"{len(usual)} cells."
    )
