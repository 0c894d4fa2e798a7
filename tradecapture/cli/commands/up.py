"""`tradecapture up`: a whole fleet on this machine, until Ctrl-C."""

import os
import threading
from pathlib import Path

import click

from tradecapture.cli.command_lines import next_steps
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option
from tradecapture.cli.output import messages, output, table
from tradecapture.connections.urls import without_password
from tradecapture.local.fleet.preparation import prepare_fleet
from tradecapture.local.fleet.run import FleetRun

PORT = click.IntRange(1, 65_535)
OPTIONAL_PORT = click.IntRange(0, 65_535)


@click.command(
    epilog=epilog(
        "tradecapture up",
        "tradecapture up --data /var/lib/desk --api-port 8081 --workers 4",
        "TRADECAPTURE_DATABASE_URL=postgresql://desk@db/ledger tradecapture up --flower-port 0",
    )
)
@data_option
@click.option("--api-port", type=PORT, default=8080, show_default=True, help="Port of the API.")
@click.option(
    "--flower-port",
    type=OPTIONAL_PORT,
    default=5555,
    show_default=True,
    help="Port of Flower, which shows the workers; 0: no Flower.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="How many Celery workers to run.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes of each worker.",
)
def up(data: Path, api_port: int, flower_port: int, workers: int, concurrency: int) -> None:
    """Run a whole fleet on this machine until Ctrl-C.

    Starts a Redis that writes every trade to disk before it is answered, the workers, the API and
    Flower. The ledger is a SQLite file. A program that dies is restarted. Ctrl-C or SIGTERM stops
    all programs; workers finish their current batch first. The data folder keeps the data for the
    next `up`.

    If TRADECAPTURE_REDIS_URL or TRADECAPTURE_DATABASE_URL is set, that server is used instead, and
    the tables are created in it.
    """
    report = messages().print
    with prepare_fleet(
        data,
        report,
        os.environ,
        api_port=api_port,
        flower_port=flower_port,
        workers=workers,
        concurrency=concurrency,
    ) as run:
        run.run(lambda run, stop: _show(run, data, stop))
    report(f"Everything has stopped. The data stays in {data}.")


def _show(run: FleetRun, data: Path, stop: threading.Event) -> None:
    if stop.is_set():
        return
    fleet = run.running_fleet
    addresses = {
        "redis": without_password(fleet.redis_url),
        "api": f"{fleet.api_url}/api/v1",
        "flower": fleet.flower_url,
    }
    rows = [
        (name, addresses.get(name), str(process_id))
        for name, process_id in fleet.process_ids.items()
    ]
    screen = output()
    screen.print(table("Running", ("program", "address", "process #"), rows))
    screen.print(
        f"API documentation: {fleet.api_url}/schema\nLogs: {run.fleet.logs}\n\n"
        f"{next_steps(data)}\n\nCtrl-C stops everything; the data stays.",
        soft_wrap=True,
    )
    stop.wait()
