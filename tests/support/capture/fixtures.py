"""Workers on this Redis and each database in turn."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import pytest
from redis import Redis

from tests.support.capture.operator import FailingLedger, Operator
from tests.support.capture.worker import Worker
from tradecapture.settings import Settings


class MakeWorker(Protocol):
    """Makes workers of one fleet."""

    def __call__(self, owner: str = ..., **changes: float) -> Worker:
        """Make a worker with an owner's name and settings of its own."""


@pytest.fixture
def make_worker(redis: "Redis", ledger_settings: Settings) -> Iterator[MakeWorker]:
    """Make workers on this Redis and each database in turn."""
    made: list[Worker] = []

    def make(owner: str = "worker", **changes: float) -> Worker:
        made.append(Worker(redis, replace(ledger_settings, **changes), owner))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for worker in made:
        worker.ledger.dispose()


@pytest.fixture
def worker(make_worker: MakeWorker) -> Worker:
    """The only worker of a fleet."""
    return make_worker()


@pytest.fixture
def operator(redis: "Redis", ledger_settings: Settings) -> Iterator[Operator]:
    """An operator of the fleet."""
    operator = Operator(redis, ledger_settings)
    yield operator
    operator.ledger.dispose()


@pytest.fixture
def failing_worker(redis: "Redis", ledger_settings: Settings) -> Iterator[Worker]:
    """A worker that cannot capture a trade whose id begins with `poison`."""
    worker = Worker(redis, ledger_settings, "failing_worker", FailingLedger(ledger_settings))
    yield worker
    worker.ledger.dispose()
