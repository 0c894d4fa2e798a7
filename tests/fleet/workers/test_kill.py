"""A worker is killed while it holds claims."""

import os
import signal
import time
from collections.abc import Callable

import psutil

from tests.support.deployment.completion import (
    assert_each_captured_once_in_order,
    wait_for,
    wait_until_nothing_waits,
)
from tests.support.deployment.traffic.load import submissions
from tests.support.deployment.workers import StartWorker, on_each_broker
from tradecapture.capture.gateway import Gateway
from tradecapture.inbox import InboxPartition
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.receipt import Receipt

TRADES = 20_000
# In trades. It makes hundreds of transactions, so that the kill falls between two of them.
SMALL_BATCH = 50
MOVES_AGAIN_SECONDS = 8.0  # a lease of 5 s, half a second of the sweep, and the capture


@on_each_broker
def test_a_killed_worker_loses_doubles_and_reorders_nothing(
    gateway: Gateway, start_worker: StartWorker, figure: Callable[[str], None]
) -> None:
    """After SIGKILL all 20,000 trades are captured once and in order, the first within 8 s."""
    victim, *others = [start_worker(f"w{n}", batch_trades=SMALL_BATCH) for n in range(3)]
    for worker in (victim, *others):
        worker.wait_ready()
    answers = gateway.accept(submissions(TRADES, partitions=400))
    assert all(isinstance(answer, Receipt) for answer in answers)

    held = _kill_while_it_holds_claims(gateway, victim)
    keys = {row.partition_key: row for row in held}
    moved_after = wait_for(
        "the dead worker's partitions move again",
        lambda: all(_moved(keys[row.partition_key], row) for row in _rows(gateway, keys)),
        MOVES_AGAIN_SECONDS,
    )
    database = gateway.ledger.engine.dialect.name
    figure(
        f"{len(held)} partitions of a killed worker moved again in {moved_after:.2f} s, {database}"
    )

    wait_until_nothing_waits(gateway)
    assert_each_captured_once_in_order(gateway, [answer.trade_id or "" for answer in answers])


def _kill_while_it_holds_claims(gateway: Gateway, victim: LocalWorker) -> list[InboxPartition]:
    """Stop the worker while it holds claims, then kill it; return the claimed partitions."""
    children = [child.pid for child in psutil.Process(victim.process.pid).children()]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in children:
            os.kill(child, signal.SIGSTOP)
        held = [
            row
            for row in gateway.inbox_reader.partitions()
            if row.owner and any(f"-{child}:" in row.owner for child in children)
        ]
        if held:
            victim.kill()
            return held
        for child in children:
            os.kill(child, signal.SIGCONT)
        time.sleep(0.003)
    raise AssertionError("the worker never held a claim; are no trades left?")


def _moved(before: InboxPartition, now: InboxPartition) -> bool:
    return now.owner != before.owner and (now.waiting < before.waiting or now.waiting == 0)


def _rows(gateway: Gateway, keys: dict[PartitionKey, InboxPartition]) -> list[InboxPartition]:
    return [row for row in gateway.inbox_reader.partitions() if row.partition_key in keys]
