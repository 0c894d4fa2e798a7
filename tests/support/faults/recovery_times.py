"""Reads capture times from the ledger, and describes the slowest recovery of a history."""

import time

from tests.support.faults.recovery import recoveries
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway


def capture_times(gateway: Gateway) -> dict[str, float]:
    """Return trade id -> when it was captured, in seconds of the monotonic clock."""
    # All processes run on one machine, so the difference of its two clocks is the same for all.
    offset = time.time() - time.monotonic()
    return {trade_id: at.timestamp() - offset for trade_id, at in gateway.ledger.capture_times()}


def recovery_figure(gateway: Gateway, history: History) -> str:
    """Return a sentence on the longest recovery after the outages of a history."""
    results = recoveries(history.events(), capture_times(gateway))
    first = max(_or_zero(recovery.next_capture) for recovery in results)
    whole = max(_or_zero(recovery.caught_up) for recovery in results)
    return f"first capture {first:.2f} s after its return, all that waited after {whole:.2f} s"


def _or_zero(seconds: float | None) -> float:
    return 0.0 if seconds is None else seconds
