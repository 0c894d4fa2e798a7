"""`tradecapture doctor`: whether the set-up keeps the promises, and the cure of each fault."""

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

STYLES = {Level.WARN: "yellow", Level.FAIL: "bold red"}


@click.command(
    epilog=epilog(
        "tradecapture doctor",
        "tradecapture doctor --processes 40 --json",
        "tradecapture doctor --apis 2 --workers 10 --concurrency 4",
        codes="0 no FAIL; 1 a FAIL; 2 wrong use; 3 no server is named",
    )
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many processes connect to the database, including those of the API; by default the "
    "worker processes that reply, or 1.",
)
@click.option(
    "--apis", type=click.IntRange(min=0), metavar="N", help="API processes of the fleet to compute."
)
@click.option(
    "--workers", type=click.IntRange(min=0), metavar="N", help="Workers of the fleet to compute."
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes of each of these workers.",
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
    """Check servers, workers and versions; give each fault its cure.

    It checks what the promises depend on: Redis keeps every trade on disk and evicts none, a
    commit lasts, lanes, clocks and tables agree, and there are enough connections (processes x
    TRADECAPTURE_POOL_SIZE). It also finds what waits for an operator: held partitions, old gaps in
    upstream's numbers, and a backlog near its limits. It changes nothing.

    With --apis, --workers or --concurrency it computes how many connections a fleet of that size
    holds to the database, its replica and Redis at most, and how many such workers would fit.
    """
    settings = find_settings(data, REDIS, DATABASE)
    findings = [*check_versions(), *_check_inboxes(settings)]
    worker_findings, worker_processes = check_workers(settings)
    fleet = None
    if (apis, workers, concurrency) != (None, None, None):
        fleet = FleetSize(*(1 if size is None else size for size in (apis, workers, concurrency)))
    findings += worker_findings
    findings += check_database(settings, None if fleet else processes or worker_processes or 1)
    findings += check_replica(settings)
    if fleet:
        findings += check_budgets(settings, fleet)
    findings += check_partitions(settings)
    if as_json:
        show_json(findings)
    else:
        _show_findings(findings)
        _show_budgets(findings)
    if any(finding.level is Level.FAIL for finding in findings):
        raise SystemExit(EXIT_FAULT)


def _check_inboxes(settings: Settings) -> list[Finding]:
    if is_cluster(settings.redis_url):
        return check_cluster(settings)
    return check_redis(settings)


def _show_findings(findings: Sequence[Finding]) -> None:
    findings_table = table("Findings", ("", "subject", "finding", "cure"), [])
    for finding in findings:
        findings_table.add_row(
            finding.level.value,
            finding.subject,
            finding.message,
            finding.cure,
            style=STYLES.get(finding.level),
        )
    output().print(findings_table)


def _show_budgets(findings: Sequence[Finding]) -> None:
    """Show which processes hold the connections, if a fleet was computed."""
    columns = ("subject", "processes", "number #", "each, at most #", "together #")
    rows = [
        (finding.subject, line.what, line.number, line.each, line.connections)
        for finding in findings
        if finding.lines is not UNSET
        for line in finding.lines
    ]
    if rows:
        output().print(table("Connections", columns, rows))
