"""`tradecapture doctor`: does the set-up keep the promises; each fault with its cure."""

from pathlib import Path

import click

from tradecapture.cli.database_findings import examine_database
from tradecapture.cli.epilog import epilog
from tradecapture.cli.failure import FOUND
from tradecapture.cli.finding import Level
from tradecapture.cli.operating_findings import examine_operating
from tradecapture.cli.place import DATABASE, REDIS, data_option, locate
from tradecapture.cli.redis_findings import examine_redis
from tradecapture.cli.screen import json_option, output, show_json, table
from tradecapture.cli.version_findings import examine_versions
from tradecapture.cli.worker_findings import examine_workers

STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


@click.command(
    epilog=epilog(
        "tradecapture doctor",
        "tradecapture doctor --processes 40 --json",
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
@json_option
@data_option
def doctor(processes: int | None, as_json: bool, data: Path) -> None:
    """Examine Redis, the database, the workers and the versions; give each fault its cure.

    Looks at what the promises depend on: that Redis keeps every trade on disk and evicts none,
    that a commit lasts, that lanes, clocks and tables agree, that the connections suffice
    (processes x TRADECAPTURE_POOL_SIZE); and at what waits for an operator: held partitions,
    old gaps in upstream's numbers, a backlog near its limits. It changes nothing.
    """
    settings = locate(data, REDIS, DATABASE)
    findings = [*examine_versions(), *examine_redis(settings)]
    worker_finding, counted = examine_workers(settings)
    findings += [worker_finding, *examine_database(settings, processes or counted or 1)]
    findings += examine_operating(settings)
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
    if any(finding.level is Level.FAIL for finding in findings):
        raise SystemExit(FOUND)
