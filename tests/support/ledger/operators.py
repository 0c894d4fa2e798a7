"""An operator at the ledger: actions, the states that they need, and the tables' contents."""

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
WHO, WHY = "ann", "the feed was corrected"
CAUSE = "ValueError: cannot be captured"
PARKED = entry(submission("T-3"), 3)  # valid: its first capture failed for another cause


def action_request(action: Action, partition_key: PartitionKey = PARTITION) -> ActionRequest:
    """Return a request for an action."""
    return ActionRequest(action, partition_key, WHO, WHY)


def perform(
    ledger: OperatorLedger,
    action: Action,
    *waiting: Entry,
    fence: int = 10,
    head: Entry | None = None,
    dry_run: bool = False,
) -> ActionResult:
    """Perform an action under a claim of the waiting trades."""
    return ledger.perform(
        action_request(action),
        lambda: LATER,
        claim=operator_claim(*waiting, fence=fence),
        head=head,
        dry_run=dry_run,
    )


def operator_claim(*waiting: Entry, fence: int = 10) -> Claim:
    """Return an operator's claim of the partition, which may be empty."""
    partitions = (ClaimedPartition(PARTITION, waiting),)
    return claim_of(fence=fence)._replace(partitions=partitions)


def tables(ledger: Ledger) -> dict[str, list[Any]]:
    """Return the contents of all tables."""
    return {table.name: all_rows(ledger.engine, table) for table in metadata.sorted_tables}


def audit_rows(ledger: OperatorLedger) -> list[AuditRow]:
    """Return the audit, the oldest row first."""
    return [AuditRow._make(row[1:]) for row in all_rows(ledger.engine, audit)]


def halt(ledger: OperatorLedger, parked: Entry = PARKED, fence: int = 2) -> None:
    """Let a worker park a trade, which halts its partition."""
    ledger.park(claim_of(parked, fence=fence), parked, CAUSE, TASK, lambda: NOW)


def two_captured(ledger: OperatorLedger) -> None:
    """Capture two trades of the partition."""
    capture(ledger, *waiting_trades(2))


def paused(ledger: OperatorLedger) -> None:
    """Pause the partition after two captured trades."""
    two_captured(ledger)
    ledger.perform(action_request(Action.PAUSE), lambda: NOW)


def halted(ledger: OperatorLedger) -> None:
    """Halt the partition after two captured trades."""
    two_captured(ledger)
    halt(ledger)


def gap(ledger: OperatorLedger) -> None:
    """Let upstream number 2 be missing."""
    arrive(ledger, 1, 3, 4)


# Sets up the state in which an action is possible.
READY: dict[Action, Callable[[OperatorLedger], None]] = {
    Action.PAUSE: two_captured,
    Action.RESUME: paused,
    Action.RETRY: halted,
    Action.SKIP: halted,
    Action.RELEASE: gap,
}
