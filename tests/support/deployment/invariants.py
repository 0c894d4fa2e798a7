"""Checks the system's invariants from the history, the ledger and the inboxes."""

from collections.abc import Collection
from datetime import date

import msgspec

from tests.support.deployment.completion import (
    DEADLINE_SECONDS,
    unevenness,
    wait_until_nothing_waits,
)
from tests.support.deployment.deployment import Deployment
from tests.support.history.checker import Kind, check
from tests.support.history.history import History
from tests.support.history.read_evidence import read_evidence
from tests.support.ledger.ledger_snapshot import all_rows
from tradecapture.capture.gateway import Gateway
from tradecapture.ledger import TradeRow
from tradecapture.ledger.schema.tables import trades
from tradecapture.trades.holding import Holding, Tally
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.trade import TradeLot

SHOWN = 5  # problems in a message; the first ones are enough to start with


class _Economics(msgspec.Struct, rename="camel"):
    trade_date: date
    trade_lots: tuple[TradeLot, ...]


_read_economics = msgspec.json.Decoder(_Economics).decode


def assert_all_is_well(
    deployment: Deployment,
    history: History,
    *,
    parked: Collection[str] = (),
    lost: Collection[str] = (),
    seconds: float = DEADLINE_SECONDS,
) -> None:
    """Wait until no trade waits; then check that every invariant holds.

    Args:
        deployment: with its servers running, and at least one worker.
        history: of all its traffic.
        parked: ids of the trades that must be parked instead of captured.
        lost: ids of the trades that the check must find lost, because Redis was emptied.
        seconds: how long trades may wait.

    Raises:
        AssertionError: trades wait for too long, or an invariant is broken.
    """
    gateway = deployment.gateway()
    wait_until_nothing_waits(gateway, seconds)
    broken = problems(gateway, history, parked, lost)
    assert not broken, f"{len(broken)} problems:\n" + "\n".join(broken[:SHOWN])


def problems(
    gateway: Gateway,
    history: History,
    parked: Collection[str] = (),
    lost: Collection[str] = (),
) -> list[str]:
    """Return the broken invariants of a deployment in which no trade waits.

    The invariants: each accepted trade is captured once. No trade is lost, doubled, reordered,
    invented or changed. The reconciliation has no difference. No partition has inversions or gaps.
    Each partition's positions are the sums of its trades.

    Args:
        gateway: of the deployment.
        history: of all its traffic.
        parked: ids of the trades that must be parked instead of captured.
        lost: ids of the trades that the check must find lost, because Redis was emptied.

    Returns:
        One string for each problem; empty if all invariants hold.
    """
    accepted = history.accepted()
    if not accepted:
        return ["no trade was accepted: nothing was tested"]
    findings = check(history.events(), read_evidence(gateway))
    outcomes = gateway.ledger.outcomes(accepted)
    expected = dict.fromkeys(accepted, Outcome.CAPTURED) | dict.fromkeys(parked, Outcome.PARKED)
    found_lost = {finding.subject for finding in findings if finding.kind is Kind.LOST}
    for trade_id in lost:
        del expected[trade_id]
    return [
        *(f"{trade_id} should be found to be lost" for trade_id in set(lost) - found_lost),
        *(
            f"{finding.kind}: {finding.subject}, {finding.detail}"
            for finding in findings
            if finding.kind is not Kind.LOST or finding.subject not in lost
        ),
        *(
            f"{trade_id} should be {outcome}, is {outcomes.get(trade_id)}"
            for trade_id, outcome in expected.items()
            if outcomes.get(trade_id) != outcome
        ),
        *unevenness(gateway),
        *_wrong_positions(gateway),
    ]


def success_rate(gateway: Gateway, history: History) -> str:
    """Return a phrase with the share of the accepted trades that is captured."""
    accepted = history.accepted()
    outcomes = gateway.ledger.outcomes(accepted)
    captured = sum(outcomes.get(trade_id) == Outcome.CAPTURED for trade_id in accepted)
    return f"success rate {captured / len(accepted):.1%}"


def _wrong_positions(gateway: Gateway) -> list[str]:
    """Compute each partition's positions anew from its captured documents, in ledger order.

    Returns:
        One string for each partition whose row has other positions.
    """
    rows = [TradeRow._make(row) for row in all_rows(gateway.ledger.engine, trades)]
    tallies: dict[PartitionKey, Tally] = {}
    for row in sorted(rows, key=lambda row: (row.partition_key, row.ledger_sequence)):
        economics = _read_economics(row.document)
        tally = tallies.setdefault(row.partition_key, Tally(Holding()))
        tally.add(economics.trade_lots, economics.trade_date)
    positions = {row.partition_key: row.holding for row in gateway.ledger.partitions()}
    return [
        f"{partition} has {positions.get(partition)}, its trades give {expected}"
        for partition in sorted(positions.keys() | tallies.keys())
        for expected in [tallies.get(partition, Tally(Holding())).holding()]
        if positions.get(partition) != expected
    ]
