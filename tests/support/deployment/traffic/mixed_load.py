"""Loads two workers with trades that come over HTTP and from this process at once."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.traffic.traffic import Traffic, of_apis, of_gateway
from tests.support.history.event import Answered, Said
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.worker import LocalWorker

BACKLOG = 500  # trades that wait when a test injects its fault
MORE = 300  # trades that are captured before the fault, or after it


def start_two_workers(deployment: Deployment, **settings: Any) -> list[LocalWorker]:
    """Start two workers and wait until they consume."""
    workers = [deployment.start_worker(f"w{number}", **settings) for number in range(2)]
    return [worker.wait_ready() for worker in workers]


@contextmanager
def mixed_load(
    deployment: Deployment, history: History, **settings: Any
) -> Iterator[tuple[Traffic, Traffic]]:
    """Send some trades over HTTP and others from this process."""
    api = deployment.start_api("api", **settings)
    gateway = deployment.gateway(**settings)
    with (
        Traffic(history, of_apis(api.url), trades_a_second=80, partitions=40) as over_http,
        Traffic(
            history, of_gateway(gateway), trades_a_call=10, trades_a_second=200, seed=8
        ) as in_process,
    ):
        yield over_http, in_process


@contextmanager
def stopped(workers: Sequence[LocalWorker]) -> Iterator[None]:
    """Stop workers with SIGSTOP, so that trades wait."""
    for worker in workers:
        os.killpg(worker.process.pid, signal.SIGSTOP)
    yield
    for worker in workers:
        os.killpg(worker.process.pid, signal.SIGCONT)


def assert_clean(traffics: Sequence[Traffic]) -> None:
    """Check that every trade was accepted in the end."""
    for traffic in traffics:
        traffic.assert_clean()


def captured(gateway: Gateway) -> int:
    """Return how many trades are captured."""
    return sum(row.last_sequence for row in gateway.ledger.partitions())


def wait_for_more(gateway: Gateway) -> None:
    """Wait until `MORE` more trades are captured."""
    target = captured(gateway) + MORE
    wait_for("more trades are captured", lambda: captured(gateway) >= target)


def wait_for_backlog(gateway: Gateway) -> None:
    """Wait until `BACKLOG` trades are in the inboxes."""

    def is_reached() -> bool:
        return sum(row.waiting for row in gateway.inbox_reader.partitions()) >= BACKLOG

    wait_for("trades wait", is_reached)


def refusals(history: History, *, over_http: bool) -> list[Answered]:
    """Return the answers that ask to send again: 503 over HTTP, or a refusal in process."""
    return [
        event
        for event in history.events()
        if isinstance(event, Answered)
        and event.said is Said.UNKNOWN
        and ('"status":503' in event.detail if over_http else "did not store" in event.detail[:30])
    ]
