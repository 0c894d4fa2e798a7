"""An operator at the ledger: what they ask for, and everything that is in its tables."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.support.builders import NOW, PARTITION, entry, submission
from tests.support.builders import claim as claim_of
from tests.support.ledger.ledger_snapshot import TASK, all_rows, capture, waiting_trades
from tests.support.ledger.sequence_numbers import arrive
from tradecapture.inbox import Claim, ClaimedPartition, Entry
from tradecapture.ledger import AuditRow, Ledger
from tradecapture.ledger.schema.tables import audit, metadata
from tradecapture.operations.action import Action, ActionRequest, ActionResult
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.trades.partition import PartitionKey

LATER = NOW + timedelta(hours=1)  # when operators act
WHO, WHY = "ann", "the feed was mended"
CAUSE = "ValueError: cannot be captured"
PARKED = entry(submission("T-3"), 3)  # valid: the cause was not the trade's, and is mended


def ask(action: Action, partition_key: PartitionKey = PARTITION) -> ActionRequest:
    """Return a request."""
    return ActionRequest(action, partition_key, WHO, WHY)


def perform(
    ledger: OperatorLedger,
    action: Action,
    *waiting: Entry,
    fence: int = 10,
    head: Entry | None = None,
    dry_run: bool = False,
) -> ActionResult:
    """Do what an operator asks for, under a claim of the trades that wait."""
    return ledger.perform(
        ask(action), lambda: LATER, claim=taken(*waiting, fence=fence), head=head, dry_run=dry_run
    )


def taken(*waiting: Entry, fence: int = 10) -> Claim:
    """Return an operator's claim of the partition, also of an empty one."""
    partitions = (ClaimedPartition(PARTITION, waiting),)
    return claim_of(fence=fence)._replace(partitions=partitions)


def tables(ledger: Ledger) -> dict[str, list[Any]]:
    """Return everything that is in the ledger's tables."""
    return {table.name: all_rows(ledger.engine, table) for table in metadata.sorted_tables}


def audit_rows(ledger: OperatorLedger) -> list[AuditRow]:
    """Return what is in the audit, the oldest first."""
    return [AuditRow._make(row[1:]) for row in all_rows(ledger.engine, audit)]


def halt(ledger: OperatorLedger, parked: Entry = PARKED, fence: int = 2) -> None:
    """Let a worker park a trade, which halts its partition."""
    ledger.park(claim_of(parked, fence=fence), parked, CAUSE, TASK, lambda: NOW)


def two_captured(ledger: OperatorLedger) -> None:
    """Capture two trades of the partition."""
    capture(ledger, *waiting_trades(2))


def paused(ledger: OperatorLedger) -> None:
    """Pause it behind them."""
    two_captured(ledger)
    ledger.perform(ask(Action.PAUSE), lambda: NOW)


def halted(ledger: OperatorLedger) -> None:
    """Halt it behind them."""
    two_captured(ledger)
    halt(ledger)


def gap(ledger: OperatorLedger) -> None:
    """Let number 2 be missing."""
    arrive(ledger, 1, 3, 4)


# What must be so that an action can be done.
READY: dict[Action, Callable[[OperatorLedger], None]] = {
    Action.PAUSE: two_captured,
    Action.RESUME: paused,
    Action.RETRY: halted,
    Action.SKIP: halted,
    Action.RELEASE: gap,
}
