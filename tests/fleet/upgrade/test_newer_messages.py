"""In a fleet of two releases, messages and entries of the newer one are never dropped."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from celery import Celery
from click.testing import CliRunner, Result
from kombu.entity import Queue
from sqlalchemy import Engine

from tests.support.builders import submission, trade
from tests.support.deployment.completion import wait_for, wait_until_nothing_waits
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.releases.mixed_fleet import MixedFleet
from tests.support.deployment.releases.next_release import (
    NEXT_FORMAT,
    NEXT_PHASES,
    NEXT_TASK,
    read_next,
    write_next,
)
from tests.support.deployment.releases.previous import UnpackedRelease
from tests.support.ledger.ledger_snapshot import all_rows
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import (
    CAPTURE_TASK,
    MESSAGE_VERSION_HEADER,
    SUBMIT_QUEUE,
    SUBMIT_TASK,
    queue_of,
)
from tradecapture.cli import cli
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import entry
from tradecapture.ledger.schema.tables import trades
from tradecapture.ledger.schema.upgrades import upgrade
from tradecapture.trades.document import encode

pytestmark = [
    pytest.mark.parametrize("deployment", ["sqlite"], indirect=True),
]

NEXT_WORKER = "tests.support.deployment.releases.next_worker"


@pytest.fixture
def gateway(deployment: Deployment) -> Gateway:
    """A gateway of this release, with a short backoff, so that workers retry newer entries soon."""
    deployment.settings = replace(deployment.settings, backoff_limit_seconds=0.5)
    return deployment.gateway()


@pytest.fixture
def sender(gateway: Gateway) -> Celery:
    """A service that has only Celery."""
    return sending_app(gateway.settings.broker, gateway.settings.connect_seconds)


@pytest.fixture
def next_format(gateway: Gateway) -> Iterator[None]:
    """Let this process write entries in the next format, as APIs of the next release do."""
    entry.READERS[NEXT_FORMAT], entry.WRITERS[NEXT_FORMAT] = read_next, write_next
    gateway.inbox.entry_format.record(NEXT_FORMAT)
    yield
    del entry.READERS[NEXT_FORMAT], entry.WRITERS[NEXT_FORMAT]


def are_captured(gateway: Gateway, *trade_ids: str) -> Callable[[], bool]:
    """Return a function that says whether these trades have their outcome."""
    return lambda: len(gateway.ledger.outcomes(list(trade_ids))) == len(trade_ids)


def log_contains(log: Path, text: bytes) -> bool:
    """Return whether a log contains a text."""
    return text in log.read_bytes()


def test_what_only_a_newer_worker_knows_waits_for_one(
    fleet: MixedFleet, engine: Engine, gateway: Gateway, sender: Celery
) -> None:
    """A message that this release does not fully support waits for a newer worker."""
    worker = fleet.worker("this").wait_ready()
    text = {
        name: encode(trade(tradeId=name)).decode() for name in ("SIGNED", "DESK", "NEXT", "NOW")
    }
    signed = {"headers": {MESSAGE_VERSION_HEADER: 2}}
    sender.send_task(SUBMIT_TASK, args=(text["SIGNED"],), **signed)
    sender.send_task(SUBMIT_TASK, args=(text["DESK"],), kwargs={"desk": "EQ"})
    sender.send_task(NEXT_TASK, args=(text["NEXT"],), queue=Queue(SUBMIT_QUEUE))
    for reason in (b"message version 2", b"arguments ['desk']", NEXT_TASK.encode()):
        wait_for(f"{reason!r} is left", partial(log_contains, worker.log, reason))
    sender.send_task(SUBMIT_TASK, args=(text["NOW"],))
    wait_for("others go on", are_captured(gateway, "NOW"))
    assert not gateway.ledger.outcomes(["SIGNED", "DESK", "NEXT"])
    upgrade(engine, NEXT_PHASES)
    fleet.worker("next", app=NEXT_WORKER).wait_ready()
    wait_for("a newer worker does it", are_captured(gateway, "SIGNED", "DESK", "NEXT"))
    assert len(all_rows(gateway.ledger.engine, trades)) == 4


def test_a_bell_of_a_newer_release_is_answered(
    fleet: MixedFleet, gateway: Gateway, sender: Celery
) -> None:
    """A worker drains the lane of a newer bell and ignores the bell's unknown arguments."""
    fleet.worker("this", TRADECAPTURE_SWEEP_SECONDS="60").wait_ready()
    accepted = gateway.inbox.accept([submission("RUNG")])  # no bell is rung
    sender.send_task(
        CAPTURE_TASK,
        args=(accepted.lanes_to_ring[0], "more"),
        kwargs={"hint": 7},
        queue=Queue(queue_of(accepted.lanes_to_ring[0])),
        headers={MESSAGE_VERSION_HEADER: 2},
    )
    wait_for("it is captured", are_captured(gateway, "RUNG"))


def test_entries_of_a_newer_release_are_captured_by_its_workers(
    fleet: MixedFleet, engine: Engine, gateway: Gateway, next_format: None
) -> None:
    """Workers of the newer release capture all entries in order; older ones halt nothing."""
    worker = fleet.worker("this").wait_ready()
    gateway.accept([submission(f"T-{number}") for number in range(20)])
    wait_for(
        "it is left", partial(log_contains, worker.log, b"left for workers of a newer release")
    )
    assert not gateway.ledger.outcomes(["T-0"])
    upgrade(engine, NEXT_PHASES)
    fleet.worker("next", app=NEXT_WORKER).wait_ready()
    gateway.accept([submission(f"T-{number}") for number in range(20, 40)])
    wait_until_nothing_waits(gateway)
    rows = sorted(all_rows(gateway.ledger.engine, trades), key=lambda row: row.ledger_sequence)
    assert [row.trade_id for row in rows] == [f"T-{number}" for number in range(40)]
    assert not [row for row in gateway.inbox_reader.partitions() if row.hold]


def test_the_format_is_raised_when_all_workers_read_it(
    deployment: Deployment, fleet: MixedFleet, engine: Engine, previous: UnpackedRelease
) -> None:
    """The format cannot be raised while an older worker runs; it can be lowered at any time."""
    upgrade(engine, NEXT_PHASES)
    fleet.worker("older", previous.code).wait_ready()
    next_worker = fleet.worker("next", app=NEXT_WORKER).wait_ready()
    url = {"TRADECAPTURE_REDIS_URL": deployment.settings.redis_url}

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, ["format", *words], env=url)

    assert "written in format 1" in run().stdout
    refused = run("--write", "2")
    assert refused.exit_code == 1
    assert "cannot read format 2: older@" in refused.stderr
    assert "next@" not in refused.stderr
    assert run("--write", "1").exit_code == 0
    assert next_worker.process.poll() is None
