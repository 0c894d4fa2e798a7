"""A worker without one of its safety guards, which may also stall.

`guard.py` names the guards, `failpoint.py` the points at which it may stall. Run it with
`celery -A tests.support.faults.programs.unguarded_worker worker`. Otherwise it is the fleet's
worker.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine, event

from tests.support.faults.programs.guard import GUARD_VARIABLE, Guard
from tests.support.faults.programs.stalling_worker import StallingLedger, app
from tests.support.inbox.mutation import mutated
from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.inbox import Claim, Completion, scripts
from tradecapture.ledger import PartitionResult
from tradecapture.ledger.rows import PartitionRow
from tradecapture.ledger.rules.state import ExistingTrades
from tradecapture.ledger.transaction import Clock, LedgerTransaction
from workers import process
from workers.sweep import Sweep

__all__ = ["app"]


class TrimmingLedger(StallingLedger):
    """Removes trades from their inboxes before it writes them to the ledger."""

    def capture(self, claim: Claim, task_id: str, clock: Clock) -> list[PartitionResult]:
        """Complete the claim, then capture."""
        completions = [
            Completion(each.partition_key, len(each.entries)) for each in claim.partitions
        ]
        process.current().inbox.complete(claim.lane, claim.token, completions)
        return super().capture(claim, task_id, clock)


def _no_fence() -> None:
    original = LedgerTransaction.lock_partitions

    def without_fences(self: LedgerTransaction, *arguments: Any) -> Mapping[str, PartitionRow]:
        rows = original(self, *arguments)
        return {key: row._replace(fence=0) for key, row in rows.items()}

    LedgerTransaction.lock_partitions = without_fences  # type: ignore[assignment, method-assign]


def _no_row_lock() -> None:
    @event.listens_for(Engine, "before_cursor_execute", retval=True)
    def _unlock(_connection: Any, _cursor: Any, sql: str, values: Any, *_rest: Any) -> Any:
        return sql.replace(" FOR UPDATE", "").replace("BEGIN IMMEDIATE", "BEGIN"), values


def _no_dedupe() -> None:
    LedgerTransaction.read_existing = lambda *_arguments: ExistingTrades({}, ())  # type: ignore[method-assign]


def _trim_first() -> None:
    process.Ledger = TrimmingLedger  # type: ignore[attr-defined]


def _without(script: str, right: str, wrong: str) -> None:
    scripts._SOURCES, scripts._SHA1 = mutated(script, right, wrong)


def _no_renewal() -> None:
    LeaseRenewer._renew = lambda *_arguments: None  # type: ignore[method-assign]


def _no_sweep() -> None:
    def ring_nothing(self: Sweep) -> None:
        """Ring nothing."""

    Sweep.ring_overdue = ring_nothing  # type: ignore[method-assign]


DISARM: Mapping[Guard, Callable[[], None]] = {
    Guard.NONE: lambda: None,
    Guard.FENCE: _no_fence,
    Guard.TOKEN: lambda: _without("complete", "redis.call('GET', lock) == token", "true"),
    Guard.ROW_LOCK: _no_row_lock,
    Guard.DEDUPE: _no_dedupe,
    Guard.COMMIT_FIRST: _trim_first,
    Guard.LOCK: lambda: _without("claim", "'NX', 'PX', lease", "'PX', lease"),
    Guard.RENEWAL: _no_renewal,
    Guard.SWEEP: _no_sweep,
}

DISARM[Guard(os.environ[GUARD_VARIABLE])]()
