"""What must hold of any deployment once everything is captured."""

import time
from collections.abc import Callable

from tradecapture import Client
from tradecapture.reconciliation import reconcile

DEADLINE_SECONDS = 60.0


def wait_for(what: str, holds: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> float:
    """Wait until something holds; return how long it took, in seconds."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - started


def wait_until_nothing_waits(client: Client) -> None:
    """Wait until every inbox is empty and no lease is held."""
    wait_for(
        "all inboxes empty",
        lambda: all(
            row.waiting == 0 and row.owner is None for row in client.inbox_reader.partitions()
        ),
    )


def assert_each_captured_once_in_order(client: Client, trade_ids: list[str]) -> None:
    """Check the desk's first three promises, from what the ledger and Redis say."""
    ended = client.ledger.ended(trade_ids)
    lost = [trade_id for trade_id in trade_ids if ended.get(trade_id) != "CAPTURED"]
    assert not lost, f"{len(lost)} accepted trades are not captured, such as {lost[:3]}"
    accounts = reconcile(client.inbox_reader.partitions(), client.ledger.outcome_counts())
    assert [account for account in accounts if account.difference] == []
    assert sum(account.captured for account in accounts) == len(trade_ids)
    assert client.ledger.inversions() == 0
    assert client.ledger.gaps() == 0
