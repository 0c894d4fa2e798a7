"""Waits until a deployment has captured everything, and checks the ledger's basic invariants."""

import time
from collections.abc import Callable

from tradecapture.capture.gateway import Gateway
from tradecapture.operations.reconciliation import reconcile

DEADLINE_SECONDS = 60.0


def wait_for(what: str, holds: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> float:
    """Wait until something holds; return how long it took, in seconds."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - started


def wait_until_nothing_waits(gateway: Gateway, seconds: float = DEADLINE_SECONDS) -> float:
    """Wait until every inbox is empty and no lease is held; return how long it took, in seconds."""
    return wait_for(
        "all inboxes empty",
        lambda: all(
            row.waiting == 0 and row.owner is None for row in gateway.inbox_reader.partitions()
        ),
        seconds,
    )


def assert_each_captured_once_in_order(gateway: Gateway, trade_ids: list[str]) -> None:
    """Check in the ledger and Redis that each accepted trade was captured once, in order."""
    outcomes = gateway.ledger.outcomes(trade_ids)
    lost = [trade_id for trade_id in trade_ids if outcomes.get(trade_id) != "CAPTURED"]
    assert not lost, f"{len(lost)} accepted trades are not captured, such as {lost[:3]}"
    assert unevenness(gateway) == []
    counts = gateway.ledger.outcome_counts()
    assert sum(count.trades for count in counts if count.outcome == "CAPTURED") == len(trade_ids)


def unevenness(gateway: Gateway) -> list[str]:
    """Return what is wrong with the reconciliation, the order and the ledger sequences.

    Returns:
        One string for each problem; empty if all is right.
    """
    accounts = reconcile(gateway.inbox_reader.partitions(), gateway.ledger.outcome_counts())
    problems = [f"does not reconcile: {account}" for account in accounts if account.difference]
    if inversions := gateway.ledger.count_inversions():
        problems.append(f"{inversions} inversions")
    if gaps := gateway.ledger.count_broken_sequences():
        problems.append(f"{gaps} partitions whose ledger sequence has gaps")
    return problems
