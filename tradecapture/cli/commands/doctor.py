"""`tradecapture doctor`: does the set-up keep the promises; each fault with its cure."""

from collections.abc import Sequence
from pathlib import Path

import click
from msgspec import UNSET

from tradecapture.cli.errors import EXIT_FAULT
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings, json_option
from tradecapture.cli.output import output, show_json, table
from tradecapture.connections.urls import is_cluster
from tradecapture.doctor.connection_budget import FleetSize, check_budgets
from tradecapture.doctor.database import check_database
from tradecapture.doctor.finding import Finding, Level
from tradecapture.doctor.partitions import check_partitions
from tradecapture.doctor.read_replica import check_replica
from tradecapture.doctor.redis_cluster import check_cluster
from tradecapture.doctor.redis_server import check_redis
from tradecapture.doctor.versions import check_versions
from tradecapture.doctor.workers import check_workers
from tradecapture.settings import DATABASE, REDIS, Settings

STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


@click.command(
    epilog=epilog(
        "tradecapture doctor",
        "tradecapture doctor --processes 40 --json",
        "tradecapture doctor --apis 2 --workers 10 --concurrency 4",
        codes="0 nothing failed; 1 something failed; 2 wrong use; 3 no server is named",
    )
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that connect to the database, those of the API too; by default the "
    "worker processes that answer, or 1.",
)
@click.option("--apis", type=click.IntRange(min=0), metavar="N", help="API processes of a fleet.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Workers of a fleet.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes of each worker of a fleet.",
)
@json_option
@data_option
def doctor(
    processes: int | None,
    apis: int | None,
    workers: int | None,
    concurrency: int | None,
    as_json: bool,
    data: Path,
) -> None:
    """Examine Redis, the database, the workers and the versions; give each fault its cure.

    Looks at what the promises depend on: that Redis keeps every trade on disk and evicts none,
    that a commit lasts, that lanes, clocks and tables agree, that the connections suffice
    (processes x TRADECAPTURE_POOL_SIZE); and at what waits for an operator: held partitions,
    old gaps in upstream's numbers, a backlog near its limits. It changes nothing.

    With --apis, --workers or --concurrency it works out what a fleet of that size holds of the
    database, its replica and Redis at most, and how many such workers would fit.
    """
    settings = find_settings(data, REDIS, DATABASE)
    findings = [*check_versions(), *_check_inboxes(settings)]
    worker_findings, counted = check_workers(settings)
    fleet = None
    if (apis, workers, concurrency) != (None, None, None):
        fleet = FleetSize(_or(apis, 1), _or(workers, 1), _or(concurrency, 1))
    findings += worker_findings
    findings += check_database(settings, None if fleet else processes or counted or 1)
    findings += check_replica(settings)
    if fleet:
        findings += check_budgets(settings, fleet)
    findings += check_partitions(settings)
    if as_json:
        show_json(findings)
    else:
        shown = table("Findings", ("", "subject", "finding", "cure"), [])
        for finding in findings:
            shown.add_row(
                finding.level.value,
                finding.subject,
                finding.message,
                finding.cure,
                style=None if finding.level is Level.OK else STYLES[finding.level],
            )
        output().print(shown)
        _show_budgets(findings)
    if any(finding.level is Level.FAIL for finding in findings):
        raise SystemExit(EXIT_FAULT)


def _check_inboxes(settings: Settings) -> list[Finding]:
    if is_cluster(settings.redis_url):
        return check_cluster(settings)
    return check_redis(settings)


def _or(given: int | None, default: int) -> int:
    return default if given is None else given


def _show_budgets(findings: Sequence[Finding]) -> None:
    """Show what the connections are for, if they were worked out."""
    columns = ("", "of", "number #", "each at most #", "together #")
    lines = [
        (finding.subject, line.what, line.number, line.each, line.connections)
        for finding in findings
        if finding.lines is not UNSET
        for line in finding.lines
    ]
    if lines:
        output().print(table("Connections", columns, lines))
