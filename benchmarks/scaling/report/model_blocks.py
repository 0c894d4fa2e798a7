"""The blocks of the page that show costs, predictions and extrapolations."""

from benchmarks.markdown import markdown_table
from benchmarks.scaling import extrapolation
from benchmarks.scaling.cell import FLEET, MIXES, SERIES
from benchmarks.scaling.model import shares_of
from benchmarks.scaling.model_errors import median_and_worst, prediction_errors
from benchmarks.scaling.results import Results
from benchmarks.scaling.targets import HOT
from tradecapture import Settings

CPU = ("µs of CPU", 1e6)
# The unit of the costs that are not CPU time, and the factor to show them with.
UNITS = {
    "seconds": ("µs", 1e6),
    "answers": ("number", 1.0),
    "redis_commands": ("number", 1.0),
    "redis_bytes": ("bytes", 1.0),
    "database_bytes": ("bytes", 1.0),
    "ledger_bytes": ("bytes", 1.0),
    "log_bytes": ("bytes", 1.0),
}


def costs_block(results: Results) -> str:
    """Return the measured costs."""
    rows = []
    for variant, costs in results.costs.items():
        for name, cost in costs._asdict().items():
            unit, factor = UNITS.get(name, CPU)
            what = f"{variant}: {name.replace('_', ' ')}, {unit}"
            rows.append([what, f"{cost.batch * factor:,.1f}", f"{cost.trade * factor:,.2f}"])
    footprint = results.footprint
    rows += [
        ["acceptance: redis, µs of CPU", "", f"{footprint.accept_redis_seconds * 1e6:,.2f}"],
        ["Redis memory while a trade waits, bytes", "", f"{footprint.redis_memory_bytes:,.0f}"],
        ["Redis memory of a trade's id, bytes", "", f"{footprint.seen_bytes:,.0f}"],
    ]
    return markdown_table(["", "a batch #", "and each trade #"], rows)


def errors_block(results: Results) -> str:
    """Return the sizes of the model's errors."""
    errors = prediction_errors(results)
    rows = []
    for variant in results.costs:
        of_variant = [error for error in errors if error.cell.series.variant == variant]
        if of_variant:
            median, worst = median_and_worst(of_variant)
            cell = worst.cell
            where = f"{cell.series.mix}, {cell.delay_ms} ms, {cell.processes} processes"
            number = str(len(of_variant))
            rows.append([variant, number, f"{median:.0%}", f"{worst.share:+.0%}", where])
    return markdown_table(["", "cells #", "median error #", "worst error #", "where #"], rows)


def model_block(results: Results) -> str:
    """Return each prediction beside the measured rate."""
    errors = prediction_errors(results)
    rows = [
        [
            f"{e.cell.series.variant}: {e.cell.series.mix}, batches of {e.cell.series.batch:,}",
            str(e.cell.delay_ms),
            str(e.cell.processes),
            f"{e.measured:,.1f}",
            f"{e.predicted.rate:,.1f}",
            f"{e.share:+.0%}",
            e.predicted.bottleneck,
        ]
        for e in sorted(errors, key=lambda e: (SERIES.index(e.cell.series), e.cell[1:]))
    ]
    columns = ["delay, ms", "processes", "measured", "predicted", "error", "bounded by"]
    return markdown_table(["", *(f"{column} #" for column in columns)], rows)


def skewed_block(results: Results) -> str:
    """Return what the hottest partition of the skewed mix allows permanently."""
    share = max(shares_of("skewed"))
    rows = [
        [f"{ms} ms", f"{rate:,.0f}", f"{rate / share:,.0f}"]
        for ms in sorted(results.delays)
        if (rate := results.rate(HOT, ms, 1))
    ]
    columns = ["delay", "one partition, trades/s #", "all together, at most #"]
    return (
        f"The hottest of {MIXES['skewed'].partitions:,} partitions has {share:.0%} of the "
        "trades.\n\n" + markdown_table(columns, rows)
    )


def parts_block(results: Results) -> str:
    """Return the parts of a deployment, the one that fills first at the top."""
    parts = extrapolation.parts(
        results.costs[FLEET], results.footprint, Settings().idempotency_seconds
    )
    rows = [
        [p.name, f"{p.one_carries:,.0f}", f"{p.needed:,.1f}" if p.needed else "-", p.remedy]
        for p in parts
    ]
    columns = ["part", "one carries, trades/s #", "needed #", "when it is full #"]
    return markdown_table(columns, rows)


def facts_block(results: Results) -> str:
    """Return what a day amounts to."""
    facts = extrapolation.facts(results.costs[FLEET], results.footprint, Settings().pool_size)
    rows = [[what, f"{value:,.0f}" if value >= 100 else f"{value:.1f}"] for what, value in facts]
    return markdown_table(["", f"{extrapolation.TRADES_A_DAY:,} trades a day #"], rows)
