"""What must hold of any deployment once everything is captured."""

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
    """Check the desk's first three promises, from what the ledger and Redis say."""
    ended = gateway.ledger.outcomes(trade_ids)
    lost = [trade_id for trade_id in trade_ids if ended.get(trade_id) != "CAPTURED"]
    assert not lost, f"{len(lost)} accepted trades are not captured, such as {lost[:3]}"
    assert unevenness(gateway) == []
    counts = gateway.ledger.outcome_counts()
    assert sum(count.trades for count in counts if count.outcome == "CAPTURED") == len(trade_ids)


def unevenness(gateway: Gateway) -> list[str]:
    """Return what is wrong with the accounts, the order and the sequences; nothing is right."""
    accounts = reconcile(gateway.inbox_reader.partitions(), gateway.ledger.outcome_counts())
    wrong = [f"does not reconcile: {account}" for account in accounts if account.difference]
    if inversions := gateway.ledger.count_inversions():
        wrong.append(f"{inversions} inversions")
    if gaps := gateway.ledger.count_broken_sequences():
        wrong.append(f"{gaps} partitions whose ledger sequence has gaps")
    return wrong
