"""Reconciliation: the difference is 0, or the number of lost (or, negative, doubled) trades."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import EPOCH, PARTITION
from tradecapture.inbox import InboxPartition
from tradecapture.ledger.queries.reader import OutcomeCount
from tradecapture.operations.reconciliation import ReconciledPartition, reconcile
from tradecapture.trades.lifecycle import Outcome


def inbox(accepted: int, waiting: int, epoch: int = EPOCH) -> InboxPartition:
    """Return a partition as Redis has it."""
    return InboxPartition(PARTITION, 0, epoch, accepted, waiting, None, None, 0, None)


def counted(outcome: Outcome, trades: int, last: int, epoch: int = EPOCH) -> OutcomeCount:
    """Return what the ledger counts of one outcome."""
    return OutcomeCount(PARTITION, epoch, outcome, trades, last)


def row(inboxes: list[InboxPartition], counts: list[OutcomeCount]) -> ReconciledPartition:
    """Reconcile a single partition."""
    (reconciled,) = reconcile(inboxes, counts)
    return reconciled


def test_every_outcome_and_what_waits_add_up() -> None:
    """Accepted = captured + duplicate + rejected + parked + buffered + waiting."""
    reconciled = row(
        [inbox(accepted=13, waiting=2)],
        [
            counted(Outcome.BUFFERED, 3, 11),
            counted(Outcome.CAPTURED, 4, 7),
            counted(Outcome.DUPLICATE, 2, 6),
            counted(Outcome.REJECTED, 1, 5),
            counted(Outcome.PARKED, 1, 8),
        ],
    )
    assert reconciled.difference == 0
    assert reconciled[2:9] == (13, 4, 2, 1, 1, 3, 2)
    assert reconciled.in_redis


def test_a_lost_trade_is_a_difference() -> None:
    """Of ten accepted trades, nine are in the ledger and none waits: one is missing."""
    counts = [counted(Outcome.CAPTURED, 9, 10)]
    assert row([inbox(accepted=10, waiting=0)], counts).difference == 1


def test_trades_trimmed_without_being_written_are_a_difference() -> None:
    """Three trades have left the inbox and the ledger has two: one is missing."""
    counts = [counted(Outcome.CAPTURED, 2, 2)]
    assert row([inbox(accepted=10, waiting=7)], counts).difference == 1


def test_a_doubled_trade_is_a_negative_difference() -> None:
    """Eleven rows for ten positions."""
    counts = [counted(Outcome.CAPTURED, 10, 10), counted(Outcome.DUPLICATE, 1, 10)]
    assert row([inbox(accepted=10, waiting=0)], counts).difference == -1


def test_a_trade_that_is_written_but_not_completed_does_not_wait() -> None:
    """A worker that died before it completed leaves trades in both places; they count once."""
    reconciled = row([inbox(accepted=10, waiting=10)], [counted(Outcome.CAPTURED, 6, 6)])
    assert (reconciled.captured, reconciled.waiting, reconciled.difference) == (6, 4, 0)


def test_a_partition_without_a_captured_trade_is_listed() -> None:
    """All its trades wait."""
    reconciled = row([inbox(accepted=3, waiting=3)], [])
    assert (reconciled.accepted, reconciled.waiting, reconciled.difference) == (3, 3, 0)


def test_an_epoch_before_redis_was_emptied_is_read_from_the_ledger() -> None:
    """Each epoch has a row; the row of the old epoch has what the ledger has."""
    old, new = reconcile(
        [inbox(accepted=2, waiting=0, epoch=EPOCH + 1)],
        [counted(Outcome.CAPTURED, 5, 5), counted(Outcome.CAPTURED, 2, 2, epoch=EPOCH + 1)],
    )
    assert (old.epoch, old.accepted, old.difference, old.in_redis) == (EPOCH, 5, 0, False)
    assert (new.epoch, new.accepted, new.difference, new.in_redis) == (EPOCH + 1, 2, 0, True)


def test_nothing_reconciles_with_nothing() -> None:
    """An empty deployment has no rows."""
    assert reconcile([], []) == []


counts = st.integers(0, 8)


@pytest.mark.parametrize("outcome", Outcome)
@given(completed=counts, uncompleted=counts, waiting=counts, later=counts)
def test_trades_that_flow_are_no_difference(
    outcome: Outcome, completed: int, uncompleted: int, waiting: int, later: int
) -> None:
    """The inbox is read first: a trade that is captured in between is counted once."""
    accepted = completed + uncompleted + waiting
    captured = min(accepted, completed + uncompleted + later) + max(0, later - waiting)
    rows = [counted(outcome, captured, captured)] if captured else []
    inboxes = [inbox(accepted, uncompleted + waiting)] if accepted else []
    assert all(reconciled.difference == 0 for reconciled in reconcile(inboxes, rows))
