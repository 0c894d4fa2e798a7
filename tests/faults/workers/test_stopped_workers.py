"""Workers that stop for longer than their leases and then resume their work change nothing."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_gateway
from tests.support.faults.programs.failpoint import FLAG_VARIABLE, PLACE_VARIABLE, Failpoint
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.trades.partition import PartitionKey

LEASE_SECONDS = 0.5
# A worker logs these when the fence refuses partitions, and when a claim's token has expired.
STALE, LEASE_LOST = re.compile(rb"stale=[1-9]"), re.compile(rb"lease lost before completion")


@pytest.mark.parametrize("failpoint", [Failpoint.BEFORE_TRANSACTION, Failpoint.BEFORE_COMPLETE])
def test_a_worker_that_wakes_after_its_lease_is_refused(
    deployment: Deployment,
    history: History,
    tmp_path: Path,
    figure: Callable[[str], None],
    failpoint: Failpoint,
) -> None:
    """A worker that resumes after its lease changes nothing with its late write or completion.

    It is stopped with claims, and another worker captures their trades. The fence refuses the late
    transaction, and the token check refuses the late completion. The log says which.
    """
    log_message = STALE if failpoint is Failpoint.BEFORE_TRANSACTION else LEASE_LOST
    stalling = _start_workers(deployment, tmp_path, failpoint)
    gateway = deployment.gateway()
    with Traffic(history, of_gateway(gateway), partitions=40, trades_a_second=200) as traffic:
        wait_for("it stops with claims in hand", lambda: _is_stopped(stalling))
        stopped_at = time.monotonic()
        claimed = _fences_of_claims(gateway, stalling)
        assert claimed
        wait_for("another worker has its partitions", lambda: _moved_on(gateway, claimed))
        moved_after = time.monotonic() - stopped_at
        more = len(traffic.accepted) + 100
        wait_for("more trades come", lambda: len(traffic.accepted) > more)
        assert not log_message.search(stalling.log.read_bytes())
        os.killpg(stalling.process.pid, signal.SIGCONT)
        wait_for(
            "its late work is refused",
            lambda: bool(log_message.search(stalling.log.read_bytes())),
        )
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    figure(
        f"worker stopped {failpoint}: its partitions moved after {moved_after:.2f} s "
        f"(lease {LEASE_SECONDS:g} s), its late work was refused, {deployment.database}"
    )


def test_a_worker_stopped_within_its_transaction_blocks_nobody_for_long(
    postgresql_deployment: Deployment,
    history: History,
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    """PostgreSQL ends the idle transaction of a stopped worker, and others capture its trades.

    The stopped worker holds row locks until then. The same timeout ends the transaction of a host
    that has vanished. After SIGCONT the worker's commit fails, and its token has expired. SQLite
    has one writer and no such timeout.
    """
    deployment = postgresql_deployment
    stalling = _start_workers(deployment, tmp_path, Failpoint.BEFORE_COMMIT)
    gateway = deployment.gateway()
    with Traffic(history, of_gateway(gateway), partitions=40, trades_a_second=50) as traffic:
        wait_for("it stops within its transaction", lambda: _is_stopped(stalling))
        stopped_at = time.monotonic()
        claimed = _fences_of_claims(gateway, stalling)
        assert claimed
        wait_for("another worker has its partitions", lambda: _moved_on(gateway, claimed))
        moved_after = time.monotonic() - stopped_at
        os.killpg(stalling.process.pid, signal.SIGCONT)
        wait_for("it learns", lambda: b"idle-in-transaction" in stalling.log.read_bytes())
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    figure(
        f"worker stopped within its transaction: its partitions moved after {moved_after:.2f} s, "
        f"its late work was refused, {deployment.database}"
    )


def _start_workers(deployment: Deployment, folder: Path, failpoint: Failpoint) -> LocalWorker:
    """Start two workers; return the one that will stop at the failpoint."""
    stalling = deployment.start_worker(
        "stalling",
        app="tests.support.faults.programs.stalling_worker",
        environment={PLACE_VARIABLE: failpoint, FLAG_VARIABLE: str(folder / "stopped")},
        lease_seconds=LEASE_SECONDS,
    )
    for worker in (stalling, deployment.start_worker("other", lease_seconds=LEASE_SECONDS)):
        worker.wait_ready()
    return stalling


def _pool(worker: LocalWorker) -> list[psutil.Process]:
    return psutil.Process(worker.process.pid).children()


def _is_stopped(worker: LocalWorker) -> bool:
    main = psutil.Process(worker.process.pid)
    return all(process.status() == psutil.STATUS_STOPPED for process in (main, *_pool(worker)))


def _fences_of_claims(gateway: Gateway, worker: LocalWorker) -> dict[PartitionKey, int]:
    """Return partition -> fencing token of each claim of a worker."""
    (child,) = _pool(worker)
    owners = {row.partition_key: row.owner or "" for row in gateway.inbox_reader.partitions()}
    return {
        partition: int(owner.rsplit(":", 1)[1])
        for partition, owner in owners.items()
        if f"-{child.pid}:" in owner
    }


def _moved_on(gateway: Gateway, fences: dict[PartitionKey, int]) -> bool:
    """Return whether a newer claim has written to each of the partitions."""
    rows = {row.partition_key: row.fence for row in gateway.ledger.partitions()}
    return all(rows.get(partition, 0) > fence for partition, fence in fences.items())
