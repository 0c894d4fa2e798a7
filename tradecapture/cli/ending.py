"""The ending of trades: wait until the ledger has an outcome for each."""

import threading
import time
from collections.abc import Callable, Iterable

from tradecapture.ledger import LedgerReader
from tradecapture.outcome import Outcome

ASKED_TRADES = 1000  # ids a question; one parameter, so small enough for every database
LOOK_SECONDS = 0.1  # between two questions, so that waiting costs the database next to nothing


def await_outcomes(
    ledger: LedgerReader,
    trade_ids: Iterable[str],
    seconds: float,
    progress: Callable[[int], None],
    stop: threading.Event | None = None,
) -> dict[str, Outcome]:
    """Return the outcome of each trade that has one, when all have or the time is over.

    Args:
        ledger: to be asked.
        trade_ids: of accepted trades.
        seconds: how long to wait, at most.
        progress: told how many have an outcome.
        stop: ends the waiting early.
    """
    deadline = time.monotonic() + seconds
    stopped = stop or threading.Event()
    ended: dict[str, Outcome] = {}
    pending = list(trade_ids)
    while True:
        found: dict[str, Outcome] = {}
        for start in range(0, len(pending), ASKED_TRADES):
            asked = pending[start : start + ASKED_TRADES]
            answer = ledger.ended(asked)
            found |= answer
            if not answer:
                break  # trades end in about the order in which they were accepted
        ended |= found
        progress(len(ended))
        pending = [trade_id for trade_id in pending if trade_id not in found]
        if not pending or time.monotonic() >= deadline or stopped.is_set():
            return ended
        if not found:
            stopped.wait(LOOK_SECONDS)
