"""`make bench`: variants of capture, measured side by side on PostgreSQL, and their ratios."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.capture import variants
from benchmarks.capture.measurement import BenchmarkServers, Measurement
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer

MANY = 1000  # partitions

# Name of the ratio, numerator, denominator, target.
TARGETS = (
    ("this fleet to the usual way", "b", "a", 100.0),
    ("this fleet to the raw ceiling", "b", "d", 0.4),
    ("one hot partition to one worker on many", "c", "b1", 0.9),
)


@click.command()
@click.option("--trades", default=120_000, show_default=True, help="Trades for the fleet.")
@click.option(
    "--usual-trades", default=1_500, show_default=True, help="Trades for one task a trade."
)
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
@click.option(
    "--usual-concurrency", default=4, show_default=True, help="Pool processes for one task a trade."
)
@click.option("--rounds", default=3, show_default=True, help="Rounds; the median counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def main(
    trades: int,
    usual_trades: int,
    workers: int,
    usual_concurrency: int,
    rounds: int,
    *,
    as_json: bool,
) -> None:
    """Measure, print, and exit with 1 if a ratio misses its target or the fleet lost an order."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="tradecapture-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        with (
            RedisServer(folder / "redis") as redis,
            PostgresqlServer(folder / "postgresql") as postgresql,
        ):
            servers = BenchmarkServers(folder, redis, postgresql)
            with console.status("making trades"):
                many = variants.make_submissions(trades, MANY)
                one = variants.make_submissions(trades // 2, 1)
            half, small = many[: trades // 2], many[:usual_trades]
            measures = (
                lambda: variants.measure_copy(
                    servers, "d", "raw ceiling: COPY, 500 a commit", many
                ),
                lambda: variants.measure_fleet(
                    servers, "b", f"this fleet, {MANY} partitions", many, workers
                ),
                lambda: variants.measure_fleet(
                    servers, "c", "this fleet, one partition", one, workers
                ),
                lambda: variants.measure_fleet(
                    servers, "b1", f"one worker, {MANY} partitions", half, 1
                ),
                lambda: variants.measure_task_per_trade(
                    servers, "a", "one task a trade, lock", small, usual_concurrency
                ),
            )
            by_name: dict[str, list[Measurement]] = {}
            for round_number in range(rounds):
                for measure in measures:
                    measurement = measure()
                    by_name.setdefault(measurement.name, []).append(measurement)
                    console.print(f"round {round_number + 1}: {measurement.what}: done")
    names = ("a", "b", "c", "b1", "d")
    medians = [sorted(by_name[name], key=lambda m: m.rate)[rounds // 2] for name in names]
    report = make_report(medians)
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        show(report)
    sys.exit(0 if report["reached"] else 1)


def make_report(measurements: list[Measurement]) -> dict[str, Any]:
    """Return the measurements, their ratios, and whether all targets were reached."""
    by_name = {measurement.name: measurement for measurement in measurements}
    ratios = []
    for what, numerator, denominator, target in TARGETS:
        value = by_name[numerator].rate / by_name[denominator].rate
        ratios.append(
            {
                "ratio": what,
                "of": f"{numerator} / {denominator}",
                "value": value,
                "target": target,
                "reached": value >= target,
            }
        )
    # One task a trade does lose the order: this is a result, not a failure of the run.
    ours = [measurement for measurement in measurements if measurement.name != "a"]
    in_order = all(measurement.inversions == 0 for measurement in ours)
    return {
        "measurements": [
            {
                **measurement._asdict(),
                "trades_per_second": measurement.rate,
                "worker_cpu_microseconds_per_trade": measurement.cpu_microseconds,
            }
            for measurement in measurements
        ],
        "ratios": ratios,
        "reached": in_order and all(ratio["reached"] for ratio in ratios),
    }


def show(report: dict[str, Any]) -> None:
    """Print the report as two tables."""
    console = Console()
    table = Table(title="trades captured, on PostgreSQL")
    for heading in ("", "variant", "trades", "trades/s", "CPU µs a trade", "inversions"):
        table.add_column(heading, justify="left" if heading in ("", "variant") else "right")
    for row in report["measurements"]:
        table.add_row(
            row["name"],
            row["what"],
            f"{row['trades']:,}",
            f"{row['trades_per_second']:,.0f}",
            f"{row['worker_cpu_microseconds_per_trade']:,.1f}",
            str(row["inversions"]),
        )
    console.print(table)
    table = Table(title="ratios")
    for heading in ("ratio", "of", "value", "target", "reached"):
        table.add_column(heading)
    for row in report["ratios"]:
        reached = "yes" if row["reached"] else "no"
        table.add_row(
            row["ratio"], row["of"], f"{row['value']:.2f}", f"≥ {row['target']:g}", reached
        )
    console.print(table)


if __name__ == "__main__":
    main()
