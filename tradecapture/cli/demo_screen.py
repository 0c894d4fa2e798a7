"""The demo's screen: its report as tables, and what to try next."""

from pathlib import Path
from typing import NamedTuple

from tradecapture.cli.demo_report import Report
from tradecapture.cli.next_steps import USUAL_DATA, next_steps, up_command
from tradecapture.cli.positions import position_table
from tradecapture.cli.screen import output, table
from tradecapture.ledger import PartitionRow


class Found(NamedTuple):
    """What a demo found, and some of what it made."""

    report: Report
    positions: list[PartitionRow]


def show(found: Found, data: Path | None) -> None:
    """Print everything; `data` is the folder that the user keeps, if any."""
    report, screen = found.report, output()
    screen.print(table("Outcomes", ("outcome", "trades #"), report.outcomes.items()))
    screen.print(
        table(
            "From submission to capture",
            ("traffic", "trades #", "trades/s #", "p50 ms #", "p95 ms #", "p99 ms #"),
            [
                (
                    latency.phase,
                    latency.trades,
                    f"{latency.trades_per_second:,.0f}",
                    *(f"{ms:,.1f}" for ms in (latency.p50_ms, latency.p95_ms, latency.p99_ms)),
                )
                for latency in report.latencies
            ],
        ),
        "Measured for each trade from the sending of its HTTP request to its captured_at in the\n"
        "ledger, the moment before its transaction is committed; one machine, so one clock. At\n"
        "full speed trades queue: that latency is the length of the queue. The burst's counts.",
    )
    screen.print(
        table(
            "Proof",
            ("", "found #", "wanted #", ""),
            [
                (check.name, check.found, check.wanted, "ok" if check.holds else "FAILED")
                for check in report.checks
            ],
        ),
        position_table("The three busiest positions", found.positions),
    )
    screen.print(
        "Proven: nothing lost, nothing doubled, everything in order."
        if report.proven
        else "NOT PROVEN: see the lines that FAILED. "
        + ("The data and the logs are in the folder." if data else "--data DIR keeps the logs.")
    )
    kept = data or USUAL_DATA
    remark = " (the trades are still there)" if data else ""
    screen.print(f"\nNext{remark}:\n  {up_command(kept)}\n{next_steps(kept)}")
