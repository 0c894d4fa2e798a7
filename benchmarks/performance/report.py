"""The report: the results as JSON, as tables for a terminal, and as Markdown."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from rich.table import Table

from benchmarks.markdown import markdown_table
from benchmarks.percentile import Percentiles
from benchmarks.performance.assessment import Result
from benchmarks.performance.full_day.run import DayReport
from benchmarks.performance.verdict import Verdict
from tradecapture.cli.output import table

FIGURES = (
    "test",
    "trades #",
    "trades/s #",
    "accepted p50 #",
    "p95 #",
    "p99 ms #",
    "captured p50 #",
    "p95 #",
    "p99 ms #",
    "p95 too high by ≤ #",
    "success #",
)
VERDICTS = ("test", "figure", "found #", "target #", "verdict")
DAY = ("trades #", "accepted in #", "accepted/s #", "captured in #", "captured/s #", "lost #")


class Report(Struct, frozen=True, rename="camel"):
    """The results of a run."""

    about: str  # what the service is, in the user's words
    base_url: str
    at: datetime
    results: Sequence[Result]
    reached: bool


def figures(results: Iterable[Result]) -> list[Sequence[object]]:
    """Return the figures, one row a test."""
    return [
        (
            result.name,
            result.trades,
            f"{result.trades_per_second:.1f}",
            *_milliseconds(result.acceptance),
            *_milliseconds(result.capture),
            f"{result.capture_error_ms:.0f}",
            f"{result.success:.2%}",
        )
        for result in results
    ]


def verdicts(named: Iterable[tuple[str, Sequence[Verdict]]]) -> list[Sequence[object]]:
    """Return the verdicts, one row each."""
    return [
        (
            name,
            verdict.what,
            "none" if verdict.measured is None else f"{verdict.measured:,.6g}{_unit(verdict)}",
            f"{'≤' if verdict.less_is_better else '≥'} {verdict.target:,.6g}{_unit(verdict)}",
            "reached" if verdict.reached else "MISSED",
        )
        for name, of_test in named
        for verdict in of_test
    ]


def tables(report: Report) -> list[Table]:
    """Return the report for a terminal."""
    named = [(result.name, result.verdicts) for result in report.results]
    return [
        table(f"Performance of {report.base_url}", FIGURES, figures(report.results)),
        table("Verdicts", VERDICTS, verdicts(named)),
    ]


def day_figures(day: DayReport) -> list[Sequence[object]]:
    """Return the figures of a day, in one row."""
    return [
        (
            day.trades,
            f"{day.sending_seconds:,.1f} s",
            f"{day.accepted_per_second:,.0f}",
            f"{day.seconds:,.1f} s",
            f"{day.captured_per_second:,.0f}",
            day.accepted - day.captured - day.otherwise,
        )
    ]


def day_tables(day: DayReport) -> list[Table]:
    """Return a day for a terminal."""
    return [
        table(f"A day at {day.base_url}", DAY, day_figures(day)),
        table("Verdicts", VERDICTS, verdicts([("day", day.verdicts)])),
    ]


def day_markdown(day: DayReport) -> str:
    """Return a day for a document."""
    waits = f"{day.retry_answers:,} answers asked to wait and send again"
    how = f"batches of {day.batch:,}, {day.connections} in flight, {waits}"
    return "\n\n".join(
        [
            f"{day.about or day.base_url}, {day.at:%Y-%m-%d %H:%M} UTC, {how}:",
            markdown_table(DAY, day_figures(day)),
            markdown_table(VERDICTS, verdicts([("day", day.verdicts)])),
        ]
    )


def problems(results: Iterable[Result]) -> list[str]:
    """Return a line for each reason why trades were not captured."""
    return [
        f"{result.name}: {number} trades: {problem}"
        for result in results
        for problem, number in result.problems.items()
    ]


def markdown(report: Report) -> str:
    """Return the report for a document."""
    named = [(result.name, result.verdicts) for result in report.results]
    return "\n\n".join(
        [
            f"{report.about or report.base_url}, {report.at:%Y-%m-%d %H:%M} UTC:",
            markdown_table(FIGURES, figures(report.results)),
            markdown_table(VERDICTS, verdicts(named)),
        ]
    )


def _milliseconds(times: Percentiles | None) -> tuple[str, str, str]:
    if times is None:
        return ("none", "none", "none")
    return (f"{times.p50_ms:.1f}", f"{times.p95_ms:.1f}", f"{times.p99_ms:.1f}")


def _unit(verdict: Verdict) -> str:
    return f" {verdict.unit}" if verdict.unit else ""
