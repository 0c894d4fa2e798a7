"""The report: what was simulated, and what each day was like by each metric, as a table."""

from collections.abc import Callable, Mapping

from benchmarks.autoscaling.cases import DAYS, TITLES
from benchmarks.autoscaling.clients import CLIENTS
from benchmarks.autoscaling.costs import DELAY_MS, costs_of, measured_per_second
from benchmarks.autoscaling.day import trades_of
from benchmarks.autoscaling.manifest import Deployed
from benchmarks.autoscaling.simulation import Outcome

Outcomes = Mapping[str, Mapping[str, Outcome]]  # of each day, by each metric
LATE_SECONDS = 1.0

_HEAD = (
    "| by | pods | pod hours | p50 | p99 | longest wait | trades over 1 s | most waiting "
    "| refused | most with clients | turns |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


def facts(deployed: Deployed) -> str:
    """Return what a process is taken to capture, and the limits, in Markdown."""
    settings, measured = deployed.settings, measured_per_second()
    costs = costs_of(settings)
    rate = costs.most_per_second
    cpu = costs.cpu_seconds(deployed.concurrency * rate, deployed.concurrency)
    rows = (
        ("trades/s of a process with full claims", f"{rate:,.0f}"),
        ("the same as `make scaling` measured it", f"{measured:,.0f} ({rate / measured - 1:+.0%})"),
        (f"trades/s of a pod of {deployed.concurrency}", f"{deployed.concurrency * rate:,.0f}"),
        ("its processors then", f"{cpu:.2f}"),
        ("an answer of the database", f"{1000 * costs.delay_seconds:.1f} ms ({DELAY_MS} set)"),
        ("a claim: of one trade, full", _claims(costs.claim_seconds, settings.batch_trades)),
        ("trades that may wait in all lanes", f"{settings.limit_total:,}"),
        (f"in each of {settings.lanes} lanes", f"{settings.limit_lane:,}"),
        ("in each partition", f"{settings.limit_partition:,}"),
        ("clients of a stream, each with its partitions", f"{CLIENTS}, or one a partition"),
    )
    return "\n".join(
        ["| | |", "| --- | ---: |", *(f"| {what} | {value} |" for what, value in rows)]
    )


def tables(outcomes: Outcomes) -> str:
    """Return a table a day, in Markdown."""
    return "\n\n".join(_table(day, by_metric) for day, by_metric in outcomes.items())


def least_table(outcomes: Mapping[int, Outcome], unlimited: Mapping[int, Outcome]) -> str:
    """Return what a burst was like with so many pods at least, in Markdown."""
    lines = [
        f"**A burst of {TITLES['large']}, by the least number of pods**",
        "",
        "| pods before | longest wait | were there no limits | trades over 1 s | most waiting "
        "| refused | clients kept trades for |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for least, outcome in outcomes.items():
        cells = (
            str(least),
            _seconds(outcome.wait_seconds(1.0)),
            _seconds(unlimited[least].wait_seconds(1.0)),
            f"{outcome.late(LATE_SECONDS):.2%}",
            f"{max(outcome.waiting):,.0f}",
            f"{outcome.refused:,.0f}",
            f"{sum(kept > 0 for kept in outcome.kept)} s",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _table(day: str, by_metric: Mapping[str, Outcome]) -> str:
    title = f"**{TITLES[day].capitalize()}** ({trades_of(DAYS[day]):,} trades)"
    rows = [_row(name, outcome) for name, outcome in by_metric.items()]
    return "\n".join([title, "", *_HEAD, *rows])


def _row(name: str, outcome: Outcome) -> str:
    cells = (
        name,
        f"{min(outcome.pods)} to {max(outcome.pods)}",
        f"{outcome.pod_hours:.0f}",
        *(_seconds(outcome.wait_seconds(share)) for share in (0.5, 0.99, 1.0)),
        f"{outcome.late(LATE_SECONDS):.2%}",
        f"{max(outcome.waiting):,.0f}",
        f"{outcome.refused:,.0f}",
        f"{max(outcome.kept):,.0f}",
        str(outcome.turns),
    )
    return f"| {' | '.join(cells)} |"


def _claims(claim_seconds: Callable[[float], float], most: int) -> str:
    return ", ".join(_seconds(claim_seconds(trades)) for trades in (1, most))


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"
