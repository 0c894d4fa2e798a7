"""The report: the simulated fleet and each day's result by each metric, as Markdown tables."""

from collections.abc import Callable, Mapping

from benchmarks.autoscaling.arrivals import trades_of
from benchmarks.autoscaling.clients import CLIENTS
from benchmarks.autoscaling.costs import DELAY_MS, costs_of, reference_per_second
from benchmarks.autoscaling.manifest import DeployedFleet
from benchmarks.autoscaling.scenarios import DAYS, TITLES
from benchmarks.autoscaling.simulation import DayResult
from benchmarks.markdown import markdown_table

DayResults = Mapping[str, Mapping[str, DayResult]]  # day -> metric -> result
LATE_SECONDS = 1.0

COLUMNS = (
    "by",
    "pods",
    "pod hours #",
    "p50 #",
    "p99 #",
    "longest wait #",
    "trades over 1 s #",
    "most waiting #",
    "refused #",
    "most with clients #",
    "turns #",
)
BURST_COLUMNS = (
    "pods before",
    "longest wait #",
    "without limits #",
    "trades over 1 s #",
    "most waiting #",
    "refused #",
    "clients kept trades for #",
)


def facts(deployed: DeployedFleet) -> str:
    """Return what a simulated process captures, and the limits."""
    settings, reference = deployed.settings, reference_per_second()
    costs = costs_of(settings)
    rate = costs.max_per_second
    cpu = costs.cpu_seconds(deployed.concurrency * rate, deployed.concurrency)
    rows = (
        ("trades/s of a process with full claims", f"{rate:,.0f}"),
        (
            "the same, measured by `make scaling`",
            f"{reference:,.0f} ({rate / reference - 1:+.0%})",
        ),
        (f"trades/s of a pod of {deployed.concurrency}", f"{deployed.concurrency * rate:,.0f}"),
        ("processors that the pod then uses", f"{cpu:.2f}"),
        ("an answer of the database", f"{1000 * costs.delay_seconds:.1f} ms ({DELAY_MS} set)"),
        ("a claim of one trade, a full claim", _claims(costs.claim_seconds, settings.batch_trades)),
        ("trades that may wait in all lanes", f"{settings.limit_total:,}"),
        (f"in each of {settings.lanes} lanes", f"{settings.limit_lane:,}"),
        ("in each partition", f"{settings.limit_partition:,}"),
        ("clients of a stream, each with its partitions", f"{CLIENTS}, or one a partition"),
    )
    return markdown_table(("", "#"), rows)


def tables(results: DayResults) -> str:
    """Return one table a day."""
    return "\n\n".join(_table(day, by_metric) for day, by_metric in results.items())


def min_pods_table(results: Mapping[int, DayResult], unlimited: Mapping[int, DayResult]) -> str:
    """Return the results of a burst by the minimum number of pods.

    Args:
        results: by the minimum number of pods.
        unlimited: the same, if nothing is ever refused.
    """
    title = f"**A burst of {TITLES['large']}, by the minimum number of pods**"
    rows = [
        (
            min_pods,
            _seconds(result.wait_seconds(1.0)),
            _seconds(unlimited[min_pods].wait_seconds(1.0)),
            f"{result.late(LATE_SECONDS):.2%}",
            f"{max(result.waiting):,.0f}",
            f"{result.refused:,.0f}",
            f"{sum(kept > 0 for kept in result.kept)} s",
        )
        for min_pods, result in results.items()
    ]
    return f"{title}\n\n{markdown_table(BURST_COLUMNS, rows)}"


def _table(day: str, by_metric: Mapping[str, DayResult]) -> str:
    title = f"**{TITLES[day].capitalize()}** ({trades_of(DAYS[day]):,} trades)"
    rows = [_row(name, result) for name, result in by_metric.items()]
    return f"{title}\n\n{markdown_table(COLUMNS, rows)}"


def _row(name: str, result: DayResult) -> tuple[str, ...]:
    return (
        name,
        f"{min(result.pods)} to {max(result.pods)}",
        f"{result.pod_hours:.0f}",
        *(_seconds(result.wait_seconds(share)) for share in (0.5, 0.99, 1.0)),
        f"{result.late(LATE_SECONDS):.2%}",
        f"{max(result.waiting):,.0f}",
        f"{result.refused:,.0f}",
        f"{max(result.kept):,.0f}",
        str(result.turns),
    )


def _claims(claim_seconds: Callable[[float], float], batch_trades: int) -> str:
    return ", ".join(_seconds(claim_seconds(trades)) for trades in (1, batch_trades))


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"
