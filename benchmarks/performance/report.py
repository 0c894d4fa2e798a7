"""The report: what is printed, as JSON, as tables, and as Markdown."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from rich.table import Table

from benchmarks.percentile import Percentiles
from benchmarks.performance.day import Day
from benchmarks.performance.judgement import Result
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
    """What a run of the tests found."""

    about: str  # what it ran against, in the user's words
    base_url: str
    at: datetime
    results: Sequence[Result]
    reached: bool


def figures(results: Iterable[Result]) -> list[Sequence[object]]:
    """Return a row of figures a test."""
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
    """Return a row a verdict."""
    return [
        (
            name,
            verdict.what,
            "none" if verdict.found is None else f"{verdict.found:,.6g}{_unit(verdict)}",
            f"{'≤' if verdict.less_is_better else '≥'} {verdict.target:,.6g}{_unit(verdict)}",
            "reached" if verdict.reached else "MISSED",
        )
        for name, judged in named
        for verdict in judged
    ]


def tables(report: Report) -> list[Table]:
    """Return the report for a terminal."""
    named = [(result.name, result.verdicts) for result in report.results]
    return [
        table(f"Performance of {report.base_url}", FIGURES, figures(report.results)),
        table("Verdicts", VERDICTS, verdicts(named)),
    ]


def day_figures(day: Day) -> list[Sequence[object]]:
    """Return a day's row of figures."""
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


def day_tables(day: Day) -> list[Table]:
    """Return a day for a terminal."""
    return [
        table(f"A day at {day.base_url}", DAY, day_figures(day)),
        table("Verdicts", VERDICTS, verdicts([("day", day.verdicts)])),
    ]


def day_markdown(day: Day) -> str:
    """Return a day for a document."""
    waits = f"{day.asked_to_wait:,} answers asked to wait and send again"
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


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; a column whose name ends with `#` is set to the right."""
    lines = [columns_line(name.removesuffix("#").strip() for name in columns)]
    lines.append(columns_line("---:" if name.endswith("#") else "---" for name in columns))
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        lines.append(columns_line(cells))
    return "\n".join(lines)


def columns_line(cells: Iterable[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _milliseconds(found: Percentiles | None) -> tuple[str, str, str]:
    if found is None:
        return ("none", "none", "none")
    return (f"{found.p50_ms:.1f}", f"{found.p95_ms:.1f}", f"{found.p99_ms:.1f}")


def _unit(verdict: Verdict) -> str:
    return f" {verdict.unit}" if verdict.unit else ""
