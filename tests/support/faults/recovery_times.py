"""Recovery times: how soon a deployment captured again after an outage of its database."""

import time

from tests.support.faults.recovery import recoveries
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway


def capture_times(gateway: Gateway) -> dict[str, float]:
    """Return trade id -> when it was captured, in seconds of the monotonic clock."""
    # One machine, so that its two clocks can be compared.
    ahead = time.time() - time.monotonic()
    return {trade_id: at.timestamp() - ahead for trade_id, at in gateway.ledger.capture_times()}


def recovery_figure(gateway: Gateway, history: History) -> str:
    """Return in words how soon after each outage trades were captured again, at worst."""
    found = recoveries(history.events(), capture_times(gateway))
    first = max(_known(recovery.next_capture) for recovery in found)
    whole = max(_known(recovery.caught_up) for recovery in found)
    return f"first capture {first:.2f} s after its return, all that waited after {whole:.2f} s"


def _known(seconds: float | None) -> float:
    return 0.0 if seconds is None else seconds
