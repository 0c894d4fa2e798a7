"""Reconciliation: nothing lost shows as 0, anything lost or doubled shows as its number."""

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


def ended(outcome: Outcome, trades: int, last: int, epoch: int = EPOCH) -> OutcomeCount:
    """Return what the ledger counts of one outcome."""
    return OutcomeCount(PARTITION, epoch, outcome, trades, last)


def row(inboxes: list[InboxPartition], counts: list[OutcomeCount]) -> ReconciledPartition:
    """Reconcile a single partition."""
    (reconciled,) = reconcile(inboxes, counts)
    return reconciled


def test_every_outcome_and_what_waits_add_up() -> None:
    """Accepted = captured + duplicate + rejected + parked + buffered + waiting."""
    account = row(
        [inbox(accepted=13, waiting=2)],
        [
            ended(Outcome.BUFFERED, 3, 11),
            ended(Outcome.CAPTURED, 4, 7),
            ended(Outcome.DUPLICATE, 2, 6),
            ended(Outcome.REJECTED, 1, 5),
            ended(Outcome.PARKED, 1, 8),
        ],
    )
    assert account.difference == 0
    assert account[2:9] == (13, 4, 2, 1, 1, 3, 2)
    assert account.in_redis


def test_a_lost_trade_is_a_difference() -> None:
    """Of ten accepted, nine are in the ledger and none waits: one is nowhere."""
    counts = [ended(Outcome.CAPTURED, 9, 10)]
    assert row([inbox(accepted=10, waiting=0)], counts).difference == 1


def test_trades_trimmed_without_being_written_are_a_difference() -> None:
    """The inbox has let three go, the ledger has two: one is nowhere."""
    counts = [ended(Outcome.CAPTURED, 2, 2)]
    assert row([inbox(accepted=10, waiting=7)], counts).difference == 1


def test_a_doubled_trade_is_a_negative_difference() -> None:
    """Eleven rows for ten positions."""
    counts = [ended(Outcome.CAPTURED, 10, 10), ended(Outcome.DUPLICATE, 1, 10)]
    assert row([inbox(accepted=10, waiting=0)], counts).difference == -1


def test_written_but_not_settled_waits_no_more() -> None:
    """A worker that died before it settled leaves trades in both places; they count once."""
    account = row([inbox(accepted=10, waiting=10)], [ended(Outcome.CAPTURED, 6, 6)])
    assert (account.captured, account.waiting, account.difference) == (6, 4, 0)


def test_a_partition_that_nothing_was_captured_of_waits() -> None:
    """It is in the table too."""
    account = row([inbox(accepted=3, waiting=3)], [])
    assert (account.accepted, account.waiting, account.difference) == (3, 3, 0)


def test_an_epoch_before_redis_was_emptied_is_told_by_the_ledger() -> None:
    """Each epoch is a row of its own; the old one counts what the ledger reached."""
    old, new = reconcile(
        [inbox(accepted=2, waiting=0, epoch=EPOCH + 1)],
        [ended(Outcome.CAPTURED, 5, 5), ended(Outcome.CAPTURED, 2, 2, epoch=EPOCH + 1)],
    )
    assert (old.epoch, old.accepted, old.difference, old.in_redis) == (EPOCH, 5, 0, False)
    assert (new.epoch, new.accepted, new.difference, new.in_redis) == (EPOCH + 1, 2, 0, True)


def test_nothing_reconciles_with_nothing() -> None:
    """An empty deployment has an empty account."""
    assert reconcile([], []) == []


counts = st.integers(0, 8)


@pytest.mark.parametrize("outcome", Outcome)
@given(settled=counts, unsettled=counts, waiting=counts, later=counts)
def test_trades_that_flow_meanwhile_are_no_difference(
    outcome: Outcome, settled: int, unsettled: int, waiting: int, later: int
) -> None:
    """The inbox is read first: whatever is captured until the ledger is read, all adds up."""
    accepted = settled + unsettled + waiting
    captured = min(accepted, settled + unsettled + later) + max(0, later - waiting)
    rows = [ended(outcome, captured, captured)] if captured else []
    look = [inbox(accepted, unsettled + waiting)] if accepted else []
    assert all(account.difference == 0 for account in reconcile(look, rows))
