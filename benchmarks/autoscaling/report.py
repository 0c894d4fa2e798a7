"""The report: what each day was like by each metric, as a table."""

from collections.abc import Mapping

from benchmarks.autoscaling.cases import DAYS, TITLES
from benchmarks.autoscaling.day import trades_of
from benchmarks.autoscaling.simulation import Outcome

Outcomes = Mapping[str, Mapping[str, Outcome]]  # of each day, by each metric
LATE_SECONDS = 1.0

_HEAD = (
    "| by | pods | pod hours | p50 | p99 | longest wait | trades over 1 s | most waiting | turns |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


def tables(outcomes: Outcomes) -> str:
    """Return a table a day, in Markdown."""
    return "\n\n".join(_table(day, by_metric) for day, by_metric in outcomes.items())


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
        str(outcome.turns),
    )
    return f"| {' | '.join(cells)} |"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"
