"""Trades whose capture always raises are parked, and other partitions are not affected."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_gateway
from tests.support.faults.programs.poisoned_worker import FILE_VARIABLE, TASTED, poison
from tests.support.history.history import History
from tests.support.ledger.ledger_snapshot import all_rows
from tradecapture.capture.gateway import Gateway
from tradecapture.ledger import ExceptionRow, TradeRow
from tradecapture.ledger.schema.tables import exceptions, trades
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.operations import Action, ActionRequest, open_operator
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey

PARTITIONS = 60
SPAN = timedelta(seconds=4)  # of traffic without poisoned trades, and again with them
# Trades of a partition before the poisoned one. They leave two seconds to name it to the workers.
AHEAD = 10
BEHIND = 3  # the minimum of trades that wait behind each poisoned trade before it is cured
# A worker tries a claim of several partitions as a whole, then the partition alone, then the trade
# alone.
MAX_TASTES = 3
# How much longer than without poison other trades may wait: a batch, on a busy machine.
LONGER_SECONDS = 3.0


@pytest.mark.parametrize(("action", "poisons"), [(Action.RETRY, 1), (Action.SKIP, 4)])
def test_a_poisoned_trade_halts_its_partition_and_no_other(
    deployment: Deployment,
    history: History,
    tmp_path: Path,
    figure: Callable[[str], None],
    action: Action,
    poisons: int,
) -> None:
    """A poisoned trade is parked, and the trades behind it wait in order for an operator.

    Workers find it within its batch. No other partition is halted or waits longer than about a
    batch. After the operator has retried or skipped the trade, the rest is captured in order.
    """
    file = tmp_path / "poison"
    poison(file, {})
    poisoned_workers = [
        deployment.start_worker(
            f"ill{number}",
            app="tests.support.faults.programs.poisoned_worker",
            environment={FILE_VARIABLE: str(file)},
        )
        for number in range(2)
    ]
    for worker in poisoned_workers:
        worker.wait_ready()
    gateway = deployment.gateway()
    sender = of_gateway(deployment.gateway())
    with Traffic(
        history, sender, partitions=PARTITIONS, trades_a_call=10, trades_a_second=300
    ) as traffic:
        time.sleep(SPAN.total_seconds())
        poisoned_at = datetime.now(UTC)
        positions = _next_positions(gateway, poisons)
        poison(file, positions)
        wait_for("the poison is found", lambda: _halted(gateway).keys() == positions.keys())
        time.sleep(SPAN.total_seconds())
        wait_for("trades wait behind it", lambda: min(_halted(gateway).values()) >= BEHIND)
        assert _halted(gateway).keys() == positions.keys()
        parked = [ExceptionRow._make(row) for row in all_rows(gateway.ledger.engine, exceptions)]
        assert {row.partition_key: row.position for row in parked} == positions
        assert {row.outcome for row in parked} == {Outcome.PARKED}
        _assert_order_is_kept(gateway, positions)
        _assert_found_within_its_batch(poisoned_workers, parked)
        for worker in poisoned_workers:
            worker.stop()
        deployment.start_worker("well").wait_ready()
        cured_at = time.monotonic()
        with open_operator(deployment.settings) as operator:
            for partition in positions:
                result = operator.operations.perform(
                    ActionRequest(action, partition, "test", "cured")
                )
                assert result.done, result.message
        wait_for("its partitions go on", lambda: _moved_on(gateway, positions))
        went_on_after = time.monotonic() - cured_at
    traffic.assert_clean()
    ids = [row.trade_id for row in parked]
    assert_all_is_well(deployment, history, parked=ids if action is Action.SKIP else ())
    without_poison = _longest_wait(gateway, poisoned_at - SPAN, poisoned_at, positions)
    with_poison = _longest_wait(gateway, poisoned_at, poisoned_at + SPAN, positions)
    found_after = max((row.recorded_at - row.accepted_at).total_seconds() for row in parked)
    figure(
        f"{poisons} poisoned: parked {found_after:.2f} s after acceptance at most; others waited "
        f"{with_poison:.2f} s at most, {without_poison:.2f} s without poison; after {action} the "
        f"partition went on in {went_on_after:.2f} s, {deployment.database}"
    )
    assert with_poison < without_poison + LONGER_SECONDS


def _next_positions(gateway: Gateway, poisons: int) -> dict[PartitionKey, int]:
    """Return partition -> a position that is not yet taken, for as many partitions as `poisons`.

    Half of the partitions share a lane if possible, and so may share a claim.
    """
    rows = sorted(gateway.inbox_reader.partitions(), key=lambda row: row.lane)
    half = poisons // 2
    chosen = rows[:half] + rows[half - poisons :]
    return {row.partition_key: row.accepted + AHEAD for row in chosen}


def _halted(gateway: Gateway) -> dict[PartitionKey, int]:
    """Return how many trades wait in each partition that is held."""
    return {row.partition_key: row.waiting for row in gateway.inbox_reader.partitions() if row.hold}


def _assert_order_is_kept(gateway: Gateway, positions: Mapping[PartitionKey, int]) -> None:
    """Check that trades before a poisoned one are captured, and later ones wait, oldest first."""
    rows = {row.partition_key: row for row in gateway.ledger.partitions()}
    for partition, position in positions.items():
        assert rows[partition].last_position == position - 1
        waiting = [entry.position for entry in gateway.inbox_reader.head(partition, BEHIND)]
        assert waiting == list(range(position + 1, position + 1 + BEHIND))


def _assert_found_within_its_batch(
    workers: Sequence[LocalWorker], parked: Sequence[ExceptionRow]
) -> None:
    lines = [line for worker in workers for line in worker.log.read_text().splitlines()]
    for row in parked:
        tastes = sum(TASTED in line and row.trade_id in line for line in lines)
        assert 1 <= tastes <= MAX_TASTES, f"{row.trade_id} was tried {tastes} times"


def _moved_on(gateway: Gateway, positions: Mapping[PartitionKey, int]) -> bool:
    rows = {row.partition_key: row.last_position for row in gateway.ledger.partitions()}
    return all(rows[partition] > position for partition, position in positions.items())


def _longest_wait(
    gateway: Gateway, since: datetime, until: datetime, poisoned: Mapping[PartitionKey, int]
) -> float:
    """Return the longest time from acceptance to capture in partitions without poison, in seconds.

    Only trades that were accepted from `since` to `until` count.
    """
    rows = [TradeRow._make(row) for row in all_rows(gateway.ledger.engine, trades)]
    waits = [
        row.captured_at - row.accepted_at
        for row in rows
        if row.partition_key not in poisoned and since <= row.accepted_at < until
    ]
    return max(waits).total_seconds()
