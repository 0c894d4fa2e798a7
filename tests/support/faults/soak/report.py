"""Reports on a soak: trades sent, faults injected, recovery times and broken invariants."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, structs
from rich.console import Console

from tests.support.faults.recovery import Recovery
from tests.support.faults.schedule import FaultKind, PlannedFault
from tradecapture.cli.output import table

SHOWN = 10  # problems on the screen; the JSON report has all of them


class SoakReport(Struct, frozen=True):
    """The result of a soak."""

    seed: int
    minutes: float
    schedule: Sequence[PlannedFault]
    sent: int  # trades
    resent: int  # times that a trade was sent again
    accepted: int  # trades
    captured: int  # trades
    recoveries: Sequence[Recovery]
    problems: Sequence[str]

    def facts(self) -> dict[str, Any]:
        """Return the report for JSON, with each fault and each recovery as a dictionary."""
        return {
            **structs.asdict(self),
            "schedule": [fault._asdict() for fault in self.schedule],
            "recoveries": [recovery._asdict() for recovery in self.recoveries],
        }

    @property
    def repeat(self) -> str:
        """The command that repeats this soak."""
        return f"make soak MINUTES={self.minutes:g} SEED={self.seed}"


def show_schedule(screen: Console, seed: int, planned: Sequence[PlannedFault]) -> None:
    """Print the planned faults."""
    rows = [
        (f"{fault.at_seconds:.1f}", fault.kind, f"{fault.lasts_seconds:.1f}", fault.victim)
        for fault in planned
    ]
    title = f"{len(planned)} faults of seed {seed}"
    screen.print(table(title, ("at s #", "fault", "lasts s #", "victim #"), rows))


def show_report(screen: Console, report: SoakReport) -> None:
    """Print the report."""
    counts = [(name, getattr(report, name)) for name in ("sent", "resent", "accepted", "captured")]
    screen.print(table("Trades", ("", "trades #"), counts))
    by_kind: dict[FaultKind, list[Recovery]] = defaultdict(list)
    for recovery in report.recoveries:
        by_kind[recovery.kind].append(recovery)
    columns = ("fault", "times #", "next capture s #", "worst #", "caught up s #", "worst #")
    rows = [
        (
            kind,
            len(of_kind),
            *_median_and_worst([recovery.next_capture for recovery in of_kind]),
            *_median_and_worst([recovery.caught_up for recovery in of_kind]),
        )
        for kind, of_kind in sorted(by_kind.items())
    ]
    screen.print(
        table("Recovery", columns, rows),
        "Seconds, the median and the worst: until any trade was captured, and until every trade\n"
        "accepted before was. They count from the fault, and from its end where Redis or the\n"
        "database was away; a trade's time of capture is just before its transaction's commit.",
    )
    if report.problems:
        screen.print(f"NOT WELL: {len(report.problems)} problems, found by the checker and others:")
        for problem in report.problems[:SHOWN]:
            screen.print(f"  {problem}")
    else:
        screen.print("Well: nothing lost, doubled, reordered, invented or changed; sums are right.")
    screen.print(f"Again: {report.repeat}")


def _median_and_worst(seconds: Sequence[float | None]) -> tuple[str, str]:
    times = [number for number in seconds if number is not None]
    if not times:
        return "-", "-"
    return f"{statistics.median(times):.2f}", f"{max(times):.2f}"
