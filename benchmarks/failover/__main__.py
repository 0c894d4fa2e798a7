"""`make failover`: measures how long the partitions of a killed worker wait."""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.capture.measurement import BenchmarkServers, inversions
from benchmarks.failover.rounds import run_rounds
from benchmarks.percentile import percentile
from tradecapture import Settings
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer

TARGET_SECONDS = 6.0  # for the 99th percentile, with default settings


@click.command()
@click.option("--kills", default=50, show_default=True, help="Workers to kill.")
@click.option(
    "--seed", default=20261124, show_default=True, help="Seed of the moments of the kills."
)
@click.option(
    "--lease", default=Settings().lease_seconds, show_default=True, help="Seconds of a lease."
)
@click.option(
    "--sweep", default=Settings().sweep_seconds, show_default=True, help="Seconds between sweeps."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(kills: int, seed: int, lease: float, sweep: float, *, as_json: bool) -> None:
    """Kill workers, print the waits, and exit with 1 if p99 is too high or an order was lost."""
    console = Console(stderr=True)
    waits: dict[str, list[float]] = {"quiet lanes": [], "lanes with traffic": [], "all": []}
    with tempfile.TemporaryDirectory(prefix="tradecapture-failover-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        with (
            RedisServer(folder / "redis") as redis,
            PostgresqlServer(folder / "postgresql") as postgresql,
            console.status("starting workers") as status,
        ):
            settings = replace(
                BenchmarkServers(folder, redis, postgresql).reset(),
                lease_seconds=lease,
                sweep_seconds=sweep,
            )
            random = Random(seed)  # noqa: S311  the same moments every time, no secrets
            for kill_round in run_rounds(folder, settings, kills, random):
                for kind in (
                    "lanes with traffic" if kill_round.with_traffic else "quiet lanes",
                    "all",
                ):
                    waits[kind] += [kill.seconds for kill in kill_round.kills]
                status.update(f"{len(waits['all'])} of {kills} kills")
            report = make_report(settings, waits, inversions(settings))
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        show(report)
    sys.exit(0 if report["reached"] else 1)


def make_report(
    settings: Settings, waits: dict[str, list[float]], inversions: int
) -> dict[str, Any]:
    """Return percentiles of the waits, in seconds, and whether the target was reached."""
    rows: list[dict[str, Any]] = [
        {
            "lanes": kind,
            "kills": len(seconds),
            "p50": percentile(seconds, 0.50),
            "p99": percentile(seconds, 0.99),
            "max": max(seconds),
        }
        for kind, seconds in waits.items()
        if seconds
    ]
    return {
        "lease_seconds": settings.lease_seconds,
        "sweep_seconds": settings.sweep_seconds,
        "rows": rows,
        "inversions": inversions,
        "target_seconds": TARGET_SECONDS,
        "reached": inversions == 0 and rows[-1]["p99"] <= TARGET_SECONDS,
    }


def show(report: dict[str, Any]) -> None:
    """Print the report as a table, and whether the target was reached."""
    console = Console()
    table = Table(
        title=f"seconds from SIGKILL to the partition's next commit, lease "
        f"{report['lease_seconds']:g} s, sweep {report['sweep_seconds']:g} s, on PostgreSQL"
    )
    for heading in ("", "kills", "p50", "p99", "max"):
        table.add_column(heading, justify="right" if heading else "left")
    for row in report["rows"]:
        figures = (f"{row[name]:.2f}" for name in ("p50", "p99", "max"))
        table.add_row(row["lanes"], str(row["kills"]), *figures)
    console.print(table)
    state = "reached" if report["reached"] else "missed"
    console.print(
        f"p99 ≤ {report['target_seconds']:g} s and no inversions: {state} "
        f"(inversions {report['inversions']})"
    )


if __name__ == "__main__":
    main()
