"""Messages and entries of a newer release, in a fleet of both: none is dropped."""

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
    """A gateway of this release; what only newer workers can do is looked at again and again."""
    deployment.settings = replace(deployment.settings, backoff_limit_seconds=0.5)
    return deployment.gateway()


@pytest.fixture
def sender(gateway: Gateway) -> Celery:
    """A service that has only Celery."""
    return sending_app(gateway.settings.broker, gateway.settings.connect_seconds)


@pytest.fixture
def next_format(gateway: Gateway) -> Iterator[None]:
    """Let this process write entries of the next release, as its APIs do after the format rose."""
    entry.READERS[NEXT_FORMAT], entry.WRITERS[NEXT_FORMAT] = read_next, write_next
    gateway.inbox.entry_format.record(NEXT_FORMAT)
    yield
    del entry.READERS[NEXT_FORMAT], entry.WRITERS[NEXT_FORMAT]


def ended(gateway: Gateway, *trade_ids: str) -> Callable[[], bool]:
    """Return whether trades are captured."""
    return lambda: len(gateway.ledger.outcomes(list(trade_ids))) == len(trade_ids)


def is_in(log: Path, text: bytes) -> bool:
    """Return whether a log says something."""
    return text in log.read_bytes()


def test_what_only_a_newer_worker_knows_waits_for_one(
    fleet: MixedFleet, engine: Engine, gateway: Gateway, sender: Celery
) -> None:
    """A message that this release does not fully know is kept until a newer worker gets it."""
    worker = fleet.worker("this").wait_ready()
    text = {
        name: encode(trade(tradeId=name)).decode() for name in ("SIGNED", "DESK", "NEXT", "NOW")
    }
    signed = {"headers": {MESSAGE_VERSION_HEADER: 2}}
    sender.send_task(SUBMIT_TASK, args=(text["SIGNED"],), **signed)
    sender.send_task(SUBMIT_TASK, args=(text["DESK"],), kwargs={"desk": "EQ"})
    sender.send_task(NEXT_TASK, args=(text["NEXT"],), queue=Queue(SUBMIT_QUEUE))
    for said in (b"message version 2", b"arguments ['desk']", NEXT_TASK.encode()):
        wait_for(f"{said!r} is left", partial(is_in, worker.log, said))
    sender.send_task(SUBMIT_TASK, args=(text["NOW"],))
    wait_for("others go on", ended(gateway, "NOW"))
    assert not gateway.ledger.outcomes(["SIGNED", "DESK", "NEXT"])
    upgrade(engine, NEXT_PHASES)
    fleet.worker("next", app=NEXT_WORKER).wait_ready()
    wait_for("a newer worker does it", ended(gateway, "SIGNED", "DESK", "NEXT"))
    assert len(all_rows(gateway.ledger.engine, trades)) == 4


def test_a_bell_of_a_newer_release_is_answered(
    fleet: MixedFleet, gateway: Gateway, sender: Celery
) -> None:
    """Whatever else it says: to look is harmless."""
    fleet.worker("this", TRADECAPTURE_SWEEP_SECONDS="60").wait_ready()
    accepted = gateway.inbox.accept([submission("RUNG")])  # nobody rings
    sender.send_task(
        CAPTURE_TASK,
        args=(accepted.lanes_to_ring[0], "more"),
        kwargs={"hint": 7},
        queue=Queue(queue_of(accepted.lanes_to_ring[0])),
        headers={MESSAGE_VERSION_HEADER: 2},
    )
    wait_for("it is captured", ended(gateway, "RUNG"))


def test_entries_of_a_newer_release_are_captured_by_its_workers(
    fleet: MixedFleet, engine: Engine, gateway: Gateway, next_format: None
) -> None:
    """Beside a worker of this release, which halts nothing: all of them, in order."""
    worker = fleet.worker("this").wait_ready()
    gateway.accept([submission(f"T-{number}") for number in range(20)])
    wait_for("it is left", partial(is_in, worker.log, b"left for workers of a newer release"))
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
    """Not while a worker of an older release answers; set back at any time; unknown ones never."""
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
