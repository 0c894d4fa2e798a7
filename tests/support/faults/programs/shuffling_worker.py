"""A worker that locks the rows of its claim in random order, so that captures deadlock.

Run it with `celery -A tests.support.faults.programs.shuffling_worker worker`. Otherwise it is the
fleet's worker.
"""

from tests.support.faults.programs.lock_order import lock_in_any_order
from tradecapture.ledger.transaction import LedgerTransaction
from workers import app

__all__ = ["app"]

LedgerTransaction._lock_rows = lock_in_any_order  # type: ignore[method-assign]  # the fault
