"""A worker that locks the rows of its claim in any order, so that captures deadlock.

Celery app of `celery -A tests.support.faults.programs.shuffling_worker worker`; the fleet's own
but for that.
"""

from tests.support.faults.programs.lock_order import lock_in_any_order
from tradecapture.ledger.transaction import LedgerTransaction
from workers import app

__all__ = ["app"]

LedgerTransaction._lock_rows = lock_in_any_order  # type: ignore[method-assign]  # that is its point
