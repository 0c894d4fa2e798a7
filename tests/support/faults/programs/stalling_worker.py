"""A worker that stops its whole process group once, at an exact point of a capture.

Run it with `celery -A tests.support.faults.programs.stalling_worker worker`. Otherwise it is the
fleet's worker.
"""

import os
import signal
from pathlib import Path
from typing import Any

from tests.support.faults.programs.failpoint import FLAG_VARIABLE, PLACE_VARIABLE, Failpoint
from tradecapture.inbox import Claim, Entry
from tradecapture.ledger import PartitionResult
from tradecapture.ledger.ledger import Ledger
from tradecapture.ledger.rules.state import ExistingTrades
from tradecapture.ledger.transaction import Clock, LedgerTransaction
from workers import app, process

__all__ = ["app"]


def _will_stall_at(failpoint: Failpoint) -> bool:
    return failpoint == os.environ[PLACE_VARIABLE] and not Path(os.environ[FLAG_VARIABLE]).exists()


def _stall_at(failpoint: Failpoint) -> None:
    if _will_stall_at(failpoint):
        Path(os.environ[FLAG_VARIABLE]).touch()
        os.killpg(0, signal.SIGSTOP)


class StallingLedger(Ledger):
    """Stops before or after its transaction, or before it parks a trade."""

    def capture(self, claim: Claim, task_id: str, clock: Clock) -> list[PartitionResult]:
        """Capture, and stop before or after the transaction; raise if it is to park a trade."""
        if _will_stall_at(Failpoint.BEFORE_PARK):
            raise MemoryError("this host has none left; others have")
        _stall_at(Failpoint.BEFORE_TRANSACTION)
        results = super().capture(claim, task_id, clock)
        _stall_at(Failpoint.BEFORE_COMPLETE)
        return results

    def park(
        self, claim: Claim, entry: Entry, reason: str, task_id: str, clock: Clock
    ) -> PartitionResult:
        """Stop, then park."""
        _stall_at(Failpoint.BEFORE_PARK)
        return super().park(claim, entry, reason, task_id, clock)


def _stall_and_read(self: LedgerTransaction, *arguments: Any) -> ExistingTrades:
    _stall_at(Failpoint.BEFORE_READS)
    return _read(self, *arguments)


def _write_and_stall(self: LedgerTransaction, *arguments: Any) -> None:
    _write(self, *arguments)
    _stall_at(Failpoint.BEFORE_COMMIT)


_read, _write = LedgerTransaction.read_existing, LedgerTransaction.write
# The faults that this program injects:
LedgerTransaction.read_existing = _stall_and_read  # type: ignore[assignment, method-assign]
LedgerTransaction.write = _write_and_stall  # type: ignore[assignment, method-assign]
process.Ledger = StallingLedger  # type: ignore[attr-defined]
