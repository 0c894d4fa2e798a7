"""Runs a fleet under steady traffic and random faults, then checks all invariants.

Start it with `make soak MINUTES=5`, or
`python -m tests.support.faults.soak --minutes 5 --seed 1 --json`.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

import click

from tests.support.deployment.completion import wait_until_nothing_waits
from tests.support.deployment.deployment import POSTGRESQL, Deployment
from tests.support.deployment.invariants import problems
from tests.support.deployment.traffic.traffic import Traffic, of_apis
from tests.support.faults.fault_injector import FaultInjector
from tests.support.faults.recovery import recoveries
from tests.support.faults.recovery_times import capture_times
from tests.support.faults.schedule import schedule
from tests.support.faults.soak.report import SoakReport, show_report, show_schedule
from tests.support.history.event import Invoked
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway
from tradecapture.cli.options import json_option
from tradecapture.cli.output import messages, output, progress_bar, show_json

WORKERS, APIS = 3, 2
CONCURRENCY = 2  # pool processes of each worker, so that one goes on when the other is killed
SUBMITTERS, PARTITIONS = 8, 200
TRADES_A_SECOND = 200.0  # two cores manage this rate while whole processes restart
UPDATE_INTERVAL_SECONDS = 0.2  # between two updates of the progress bar
DRAIN_SECONDS = 120.0  # the maximum time to capture what waits after the last fault


def soak(folder: Path, seconds: float, seed: int, progress: Callable[[float], None]) -> SoakReport:
    """Run a deployment under traffic and faults, and return the report.

    Args:
        folder: of all data, logs and the history.
        seconds: of traffic.
        seed: of the faults.
        progress: called with the seconds that have passed.
    """
    planned, history = schedule(seed, seconds), History(folder / "history")
    with Deployment(folder / "deployment", POSTGRESQL) as deployment:
        database_proxy = deployment.proxy_postgresql()
        workers = [
            deployment.start_worker(f"worker{number}", CONCURRENCY)
            for number in range(1, WORKERS + 1)
        ]
        apis = [deployment.start_api(f"api{number}") for number in range(1, APIS + 1)]
        for worker in workers:
            worker.wait_ready()
        log = history.log("fault injector")
        injector = FaultInjector(deployment, workers, apis, database_proxy, log)
        with Traffic(
            history,
            of_apis(*(api.url for api in apis)),
            submitters=SUBMITTERS,
            partitions=PARTITIONS,
            trades_a_second=TRADES_A_SECOND,
        ) as traffic:
            started = time.monotonic()
            for fault in planned:
                _pass_time(started, fault.at_seconds, progress)
                injector.commit(fault)
            _pass_time(started, seconds, progress)
        gateway = deployment.gateway()
        wrong = [*_wait(gateway), *traffic.problems(), *problems(gateway, history)]
        return _report(seed, seconds, history, gateway, wrong)


def _pass_time(started: float, until: float, progress: Callable[[float], None]) -> None:
    while (passed := time.monotonic() - started) < until:
        progress(passed)
        time.sleep(min(UPDATE_INTERVAL_SECONDS, until - passed))


def _wait(gateway: Gateway) -> list[str]:
    try:
        wait_until_nothing_waits(gateway, DRAIN_SECONDS)
    except AssertionError as error:
        return [str(error)]
    return []


def _report(
    seed: int, seconds: float, history: History, gateway: Gateway, wrong: list[str]
) -> SoakReport:
    events = history.events()
    sent = [event.trade_id for event in events if isinstance(event, Invoked)]
    distinct = len(set(sent))
    captures = capture_times(gateway)
    return SoakReport(
        seed=seed,
        minutes=seconds / 60,
        schedule=schedule(seed, seconds),
        sent=distinct,
        resent=len(sent) - distinct,
        accepted=len(history.accepted()),
        captured=len(captures),
        recoveries=recoveries(events, captures),
        problems=wrong,
    )


@click.command()
@click.option("--minutes", type=float, default=5.0, show_default=True, help="How long to go on.")
@click.option("--seed", type=int, help="The seed of the faults; none: a new one, which is shown.")
@json_option
def main(minutes: float, seed: int | None, *, as_json: bool) -> None:
    """Break a deployment at random under traffic; exit code 0 means that all invariants hold."""
    chosen = SystemRandom().randrange(10_000) if seed is None else seed
    seconds = minutes * 60
    show_schedule(messages(), chosen, schedule(chosen, seconds))
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    with progress_bar() as progress:
        task = progress.add_task("soak, s", total=seconds, note="")
        report = soak(
            folder, seconds, chosen, lambda passed: progress.update(task, completed=passed)
        )
    if as_json:
        show_json(report.facts())
    else:
        show_report(output(), report)
    if report.problems:
        messages().print(f"The logs, the ledger and the history are in {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
