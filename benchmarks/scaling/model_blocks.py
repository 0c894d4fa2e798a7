"""The blocks of the page that show costs, predictions, and what they come to on paper."""

from benchmarks.scaling import growth
from benchmarks.scaling.cell import FLEET, MIXES, SERIES
from benchmarks.scaling.model import shares_of
from benchmarks.scaling.results import Results
from benchmarks.scaling.table import table
from benchmarks.scaling.verdict import HOT, errors, median_and_worst
from tradecapture import Settings

CPU = ("µs of CPU", 1e6)
# Of the costs that are no CPU: the unit, and what a value is multiplied by to show it.
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
    """Return the costs that were measured."""
    rows = []
    for way, costs in results.costs.items():
        for name, line in costs._asdict().items():
            unit, factor = UNITS.get(name, CPU)
            what = f"{way}: {name.replace('_', ' ')}, {unit}"
            rows.append([what, f"{line.batch * factor:,.1f}", f"{line.trade * factor:,.2f}"])
    footprint = results.footprint
    rows += [
        ["acceptance: redis, µs of CPU", "", f"{footprint.accept_redis_seconds * 1e6:,.2f}"],
        ["Redis memory while a trade waits, bytes", "", f"{footprint.redis_memory_bytes:,.0f}"],
        ["Redis memory of a trade's id, bytes", "", f"{footprint.seen_bytes:,.0f}"],
    ]
    return table(["", "a batch", "and each trade"], rows)


def errors_block(results: Results) -> str:
    """Return how wrong the model is."""
    found = errors(results)
    rows = []
    for way in results.costs:
        of_way = [error for error in found if error.cell.series.way == way]
        if of_way:
            middle, worst = median_and_worst(of_way)
            cell = worst.cell
            where = f"{cell.series.mix}, {cell.delay_ms} ms, {cell.processes} processes"
            rows.append([way, str(len(of_way)), f"{middle:.0%}", f"{worst.share:+.0%}", where])
    return table(["", "cells", "median error", "worst error", "where"], rows)


def model_block(results: Results) -> str:
    """Return each prediction beside what was measured."""
    rows = [
        [
            f"{e.cell.series.way}: {e.cell.series.mix}, batches of {e.cell.series.batch:,}",
            str(e.cell.delay_ms),
            str(e.cell.processes),
            f"{e.measured:,.1f}",
            f"{e.predicted.rate:,.1f}",
            f"{e.share:+.0%}",
            e.predicted.full,
        ]
        for e in sorted(errors(results), key=lambda e: (SERIES.index(e.cell.series), e.cell[1:]))
    ]
    heads = ["", "delay, ms", "processes", "measured", "predicted", "error", "bounded by"]
    return table(heads, rows)


def skewed_block(results: Results) -> str:
    """Return what the hottest partition of the skewed mix allows for good."""
    share = max(shares_of("skewed"))
    rows = [
        [f"{ms} ms", f"{rate:,.0f}", f"{rate / share:,.0f}"]
        for ms in sorted(results.delays)
        if (rate := results.rate(HOT, ms, 1))
    ]
    return (
        f"The hottest of {MIXES['skewed'].partitions:,} partitions has {share:.0%} of the "
        "trades.\n\n"
        + table(["delay", "one partition, trades/s", "so all together, at most"], rows)
    )


def parts_block(results: Results) -> str:
    """Return the parts of a deployment, the one that fills first at the top."""
    settings = Settings()
    parts = growth.parts(results.costs[FLEET], results.footprint, settings.idempotency_seconds)
    rows = [
        [p.name, f"{p.one_carries:,.0f}", f"{p.needed:,.1f}" if p.needed else "-", p.remedy]
        for p in parts
    ]
    return table(["part", "one carries, trades/s", "needed", "when it is full"], rows)


def facts_block(results: Results) -> str:
    """Return what a day comes to."""
    found = growth.facts(results.costs[FLEET], results.footprint, Settings().pool_size)
    rows = [[what, f"{value:,.0f}" if value >= 100 else f"{value:.1f}"] for what, value in found]
    return table(["", f"{growth.TRADES_A_DAY:,} trades a day"], rows)
