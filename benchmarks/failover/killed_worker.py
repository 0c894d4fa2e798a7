"""Kills a worker while it holds a claim of a chosen age, and measures the wait that follows."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import psutil
import psycopg
from sqlalchemy import make_url

from tradecapture import Receipt
from tradecapture.capture.gateway import Gateway
from tradecapture.inbox import InboxPartition
from tradecapture.local.servers.server import wait_until
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.trades.submission import Submission

TIMEOUT_SECONDS = 60.0  # of each step; ten times as long as a failover takes


class Kill(NamedTuple):
    """One kill, and how long its partition waited."""

    held_seconds: float  # age of the claim
    lease_seconds: float  # rest of its lease
    seconds: float  # from SIGKILL to the next commit of the partition


class KillScenario:
    """Kills the worker that claims one partition.

    The partition's row is locked from outside, so that the worker cannot finish its claim.
    """

    def __init__(self, gateway: Gateway, first: Submission) -> None:
        """Let the fleet capture one trade of the partition, so that its row exists."""
        self._gateway, self._partition = gateway, first.partition_key
        self._accept(first)
        _wait("the first trade is captured", lambda: self._captured() == 1)

    def kill(
        self, workers: Mapping[int, LocalWorker], second: Submission, held_seconds: float
    ) -> tuple[LocalWorker, Kill]:
        """Let a worker claim the partition, and kill the worker after some time.

        Args:
            workers: all workers, by the ids of their pool processes.
            second: the next trade of the partition.
            held_seconds: the age of the claim at the kill; until then its lease is renewed.

        Returns:
            The killed worker, and the measured times.

        Raises:
            TimeoutError: no worker claimed the partition, or none captured it after the kill.
        """
        url = make_url(self._gateway.settings.database_url).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            connection.execute(
                "SELECT 1 FROM partitions WHERE partition_key = %s FOR UPDATE", [self._partition]
            )
            self._accept(second)
            _wait("a worker claims the partition", lambda: self._waiting().owner is not None)
            time.sleep(held_seconds)
            row = self._waiting()
            worker = workers[_process_id(row.owner)]
            killed_at = time.monotonic()
            worker.kill()
            # Our lock is not part of a failover. The database ends the killed worker's
            # transaction by itself, because the connection is gone.
            connection.rollback()
            _wait("another worker captures the trade", lambda: self._captured() == 2)
            seconds = time.monotonic() - killed_at
        return worker, Kill(held_seconds, row.lease_ms / 1000, seconds)

    def _accept(self, submission: Submission) -> None:
        (answer,) = self._gateway.accept([submission])
        assert isinstance(answer, Receipt), answer

    def _captured(self) -> int:
        row = self._gateway.ledger.partition(self._partition)
        return row.last_sequence if row else 0

    def _waiting(self) -> InboxPartition:
        row = self._gateway.inbox_reader.partition(self._partition)
        assert row is not None, "a trade of the partition was accepted"
        return row


def workers_by_pool_process(workers: Iterable[LocalWorker]) -> dict[int, LocalWorker]:
    """Return running workers, by the ids of their pool processes."""
    return {
        child.pid: worker
        for worker in workers
        for child in psutil.Process(worker.process.pid).children()
    }


def _process_id(owner: str | None) -> int:
    """Return the process id in a claim's token: `host-process:fence`."""
    return int((owner or "").split(":")[0].rsplit("-", 1)[1])


def _wait(what: str, condition: Callable[[], bool]) -> None:
    if not wait_until(condition, TIMEOUT_SECONDS):
        raise TimeoutError(f"not within {TIMEOUT_SECONDS:.0f} s: {what}")
