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
PORT_OR_NONE = click.IntRange(0, 65_535)


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
    type=PORT_OR_NONE,
    default=5555,
    show_default=True,
    help="Port of Flower, which shows the workers; 0: none.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Celery workers; each holds partitions of its own.",
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

    Starts a Redis that writes every trade to disk before it is answered, the API, the workers and
    Flower. The ledger is a SQLite file. A program that dies is started again. Ctrl-C or SIGTERM
    stops all of them; workers finish the batch in hand first. The data folder keeps everything
    until the next `up`.

    With TRADECAPTURE_REDIS_URL or TRADECAPTURE_DATABASE_URL set, that server is used instead; the
    tables are made in it.
    """
    say = messages().print
    with prepare_fleet(
        data,
        say,
        os.environ,
        api_port=api_port,
        flower_port=flower_port,
        workers=workers,
        concurrency=concurrency,
    ) as run:
        run.run(lambda run, stop: _show(run, data, stop))
    say("Everything is stopped; the data stays in the folder.")


def _show(run: FleetRun, data: Path, stop: threading.Event) -> None:
    if stop.is_set():
        return
    running, logs = run.running_fleet, run.fleet.logs
    addresses = {
        "redis": without_password(running.redis_url),
        "api": f"{running.api_url}/api/v1  (its page: {running.api_url}/schema)",
        "flower": running.flower_url,
    }
    rows = [
        (name, addresses.get(name, ""), str(process_id), logs / f"{name}.log")
        for name, process_id in running.process_ids.items()
    ]
    columns = ("program", "address", "process", "log")
    output().print(
        table("Running", columns, rows),
        f"\n{next_steps(data)}\nCtrl-C stops everything; the data stays.",
    )
    stop.wait()
