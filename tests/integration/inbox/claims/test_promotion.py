"""A promoted replica begins a new epoch, so that no two trades share an epoch and a position."""

import time

from tests.support.builders import PARTITION, submission, submissions
from tests.support.inbox.promotion import promote
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.inbox.keys import lane_keys
from tradecapture.ledger.queries.reader import OutcomeCount
from tradecapture.operations.reconciliation import reconcile
from tradecapture.trades.lifecycle import Outcome


def stamps(inbox: Inbox) -> list[tuple[int, int]]:
    """Return epoch and position of the waiting trades of the partition."""
    head = InboxReader(inbox.redis, inbox.lanes).head(PARTITION, 100)
    return [(entry.epoch, entry.position) for entry in head]


def test_a_promoted_server_begins_an_epoch_once(inbox: Inbox) -> None:
    """Positions continue; the trades of both epochs are in one inbox, in order."""
    inbox.accept(submissions(2))
    promote(inbox.redis)
    inbox.accept(submissions(2, first=3))
    inbox.accept(submissions(1, first=5))
    (one, first), (_, second), (two, third), (three, fourth), (four, fifth) = stamps(inbox)
    assert (first, second, third, fourth, fifth) == (1, 2, 3, 4, 5)
    assert one < two == three == four
    promote(inbox.redis)
    inbox.accept(submissions(1, first=6))
    assert stamps(inbox)[-1] > (two, 6)


def test_a_server_that_stays_the_master_begins_no_epoch(inbox: Inbox) -> None:
    """Its epoch stays the same."""
    promote(inbox.redis)
    inbox.accept(submissions(1))
    inbox.accept(submissions(1, first=2))
    assert len({epoch for epoch, _ in stamps(inbox)}) == 1


def test_an_epoch_is_later_than_the_last_though_the_clock_is_behind(inbox: Inbox) -> None:
    """It is one more than the last epoch if the new master's clock is behind the old one's."""
    inbox.accept(submissions(1))
    ahead = time.time_ns() // 1000 + 3_600_000_000
    inbox.redis.set(lane_keys(0).epoch, ahead)
    promote(inbox.redis)
    inbox.accept(submissions(1, first=2))
    assert stamps(inbox)[-1] == (ahead + 1, 2)


def test_an_entry_is_found_by_its_position_across_epochs(inbox: Inbox) -> None:
    """Its index in the list follows from its position, which continues across epochs."""
    inbox.accept(submissions(2))
    promote(inbox.redis)
    (answer,) = inbox.accept([submission("LATER")]).answers
    entry = InboxReader(inbox.redis, inbox.lanes).entry(PARTITION, answer.position)  # type: ignore[union-attr]
    assert entry is not None
    assert entry.submission.trade_id == "LATER"


def account(inbox: Inbox, *counts: tuple[int, int, int, int]) -> list[tuple[int, ...]]:
    """Reconcile with captured trades; return trades accepted, trades waiting and the difference.

    Args:
        inbox: the inboxes.
        counts: captured trades: epoch, how many, their last position, their first position.
    """
    captured = [
        OutcomeCount(PARTITION, epoch, Outcome.CAPTURED, *numbers) for epoch, *numbers in counts
    ]
    rows = reconcile(InboxReader(inbox.redis, inbox.lanes).partitions(), captured)
    return [(row.accepted, row.waiting, row.difference) for row in rows]


def test_positions_that_both_masters_gave_make_no_difference(inbox: Inbox) -> None:
    """The ledger has 3 and 4 from the old master, and the new one gives 3 and 4 again."""
    inbox.accept(submissions(2))
    ((old, _), _) = stamps(inbox)
    promote(inbox.redis)
    inbox.accept(submissions(3, first=3))
    new, _ = stamps(inbox)[-1]
    assert account(inbox, (old, 4, 4, 1)) == [(4, 0, 0), (3, 3, 0)]
    # Now 3 and 4 of the new epoch are completed.
    inbox.redis.ltrim(lane_keys(0).inbox(PARTITION), 4, -1)
    assert account(inbox, (old, 4, 4, 1), (new, 2, 4, 3)) == [(4, 0, 0), (3, 1, 0)]


def test_a_trade_lost_before_or_after_a_promotion_is_a_difference(inbox: Inbox) -> None:
    """A trade that left the inbox and is not in the ledger is a difference in its epoch."""
    inbox.accept(submissions(3))
    old, _ = stamps(inbox)[0]
    promote(inbox.redis)
    inbox.accept(submissions(3, first=4))
    new, _ = stamps(inbox)[-1]
    inbox.redis.ltrim(lane_keys(0).inbox(PARTITION), 5, -1)  # one of six waits
    assert account(inbox, (old, 3, 3, 1), (new, 2, 5, 4)) == [(3, 0, 0), (3, 1, 0)]
    assert account(inbox, (old, 2, 2, 1), (new, 2, 5, 4)) == [(3, 0, 1), (3, 1, 0)]
    assert account(inbox, (old, 3, 3, 1), (new, 1, 5, 5)) == [(3, 0, 0), (3, 1, 1)]
    assert account(inbox, (old, 3, 3, 1)) == [(3, 0, 0), (3, 1, 2)]


def test_trades_waiting_from_an_earlier_epoch_are_counted(inbox: Inbox) -> None:
    """A held partition may have waiting trades of several epochs."""
    inbox.accept(submissions(3))
    old, _ = stamps(inbox)[0]
    promote(inbox.redis)
    inbox.accept(submissions(1, first=4))
    inbox.redis.ltrim(lane_keys(0).inbox(PARTITION), 1, -1)
    assert account(inbox, (old, 1, 1, 1)) == [(3, 2, 0), (1, 1, 0)]
    # After a second promotion only the ledger knows the first epoch.
    promote(inbox.redis)
    inbox.accept(submissions(1, first=5))
    middle = stamps(inbox)[-2][0]
    counts = [(old, 3, 3, 1), (middle, 1, 4, 4)]
    inbox.redis.ltrim(lane_keys(0).inbox(PARTITION), 3, -1)
    assert account(inbox, *counts) == [(3, 0, 0), (1, 0, 0), (1, 1, 0)]
