"""The victim: a worker that dies while it holds a claim, at a moment of one's choice."""

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

PATIENCE_SECONDS = 60.0  # for whatever must happen; ten times what a failover takes


class Kill(NamedTuple):
    """One kill, and how long its partition stood still."""

    held_seconds: float  # how old the claim was
    lease_seconds: float  # what was left of its lease
    seconds: float  # from SIGKILL to the next commit of the partition


class Victim:
    """The worker that claims one partition, whose row somebody else has locked."""

    def __init__(self, gateway: Gateway, first: Submission) -> None:
        """Have one trade of the partition captured, so that its row exists."""
        self._gateway, self._partition = gateway, first.partition_key
        self._accept(first)
        _wait("the first trade is captured", lambda: self._captured() == 1)

    def kill(
        self, workers: Mapping[int, LocalWorker], second: Submission, held_seconds: float
    ) -> tuple[LocalWorker, Kill]:
        """Let a worker claim the partition, and kill it so long after.

        Args:
            workers: one of which will have it, by the ids of their pool processes.
            second: the next trade of the partition.
            held_seconds: the age of the claim; its lease is renewed meanwhile.

        Returns:
            The worker that died, and what came of it.

        Raises:
            TimeoutError: no worker took it, or none took it over.
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
            victim = workers[_process_id(row.owner)]
            killed_at = time.monotonic()
            victim.kill()
            # Our own lock is no part of a failover. The database ends the dead worker's
            # transaction by itself, because its connection is gone.
            connection.rollback()
            _wait("another worker captures the trade", lambda: self._captured() == 2)
            seconds = time.monotonic() - killed_at
        return victim, Kill(held_seconds, row.lease_ms / 1000, seconds)

    def _accept(self, submission: Submission) -> None:
        (answer,) = self._gateway.accept([submission])
        assert isinstance(answer, Receipt), answer

    def _captured(self) -> int:
        row = self._gateway.ledger.partition(self._partition)
        return row.last_sequence if row else 0

    def _waiting(self) -> InboxPartition:
        row = self._gateway.inbox_reader.partition(self._partition)
        assert row is not None, "a trade of it was accepted"
        return row


def by_pool_process(workers: Iterable[LocalWorker]) -> dict[int, LocalWorker]:
    """Return running workers by the ids of their pool processes."""
    return {
        child.pid: worker
        for worker in workers
        for child in psutil.Process(worker.process.pid).children()
    }


def _process_id(owner: str | None) -> int:
    """Return the process that a claim's token names: `host-process:fence`."""
    return int((owner or "").split(":")[0].rsplit("-", 1)[1])


def _wait(what: str, holds: Callable[[], bool]) -> None:
    if not wait_until(holds, PATIENCE_SECONDS):
        raise TimeoutError(f"not within {PATIENCE_SECONDS:.0f} s: {what}")
