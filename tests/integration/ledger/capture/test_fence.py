"""The fence: a worker that was paused past its lease and wakes up can do no harm."""

from tests.support.builders import NOW, PARTITION, claim, partition_of
from tests.support.ledger.ledger_snapshot import (
    TASK,
    capture,
    captured,
    contents,
    nothing_new,
    partition_row,
    trade_rows,
    waiting_trades,
)
from tradecapture.ledger import Ledger, PartitionResult

STALE = PartitionResult(PARTITION, 0, {}, stale=True)


def test_an_older_fence_writes_nothing(ledger: Ledger) -> None:
    """Not even trades that the ledger does not have yet: they belong to a newer claim."""
    capture(ledger, *waiting_trades(2), fence=20)
    before = contents(ledger)
    assert capture(ledger, *waiting_trades(5), fence=19) == [STALE]
    assert contents(ledger) == before


def test_a_newer_fence_goes_on_where_the_older_ended(ledger: Ledger) -> None:
    """What the older wrote is not written again."""
    capture(ledger, *waiting_trades(2), fence=10)
    assert capture(ledger, *waiting_trades(5), fence=20) == [
        PartitionResult(PARTITION, 5, captured(PARTITION, 3).outcomes)
    ]
    assert [row.ledger_sequence for row in trade_rows(ledger)] == [1, 2, 3, 4, 5]
    assert partition_row(ledger).fence == 20


def test_the_same_fence_again_changes_nothing(ledger: Ledger) -> None:
    """A commit whose answer was lost is tried again with the same claim."""
    capture(ledger, *waiting_trades(3), fence=10)
    before = contents(ledger)
    assert capture(ledger, *waiting_trades(3), fence=10) == [nothing_new(PARTITION, 3)]
    assert contents(ledger) == before


def test_a_paused_worker_finds_that_another_has_done_its_work(ledger: Ledger) -> None:
    """It claimed first and writes last: order, sequence and sums are those of the other."""
    paused = waiting_trades(3)
    capture(ledger, *waiting_trades(5), fence=20)
    before = contents(ledger)
    assert capture(ledger, *paused, fence=10) == [STALE]
    assert contents(ledger) == before


def test_a_stale_partition_does_not_stop_the_others_of_its_claim(ledger: Ledger) -> None:
    """The fence is judged partition by partition."""
    capture(ledger, *waiting_trades(1), fence=20)
    verdicts = capture(ledger, *waiting_trades(2), *waiting_trades(2, "B2"), fence=19)
    assert verdicts == [STALE, captured(partition_of("B2"), 2)]


def test_a_stale_worker_cannot_park(ledger: Ledger) -> None:
    """Nor halt a partition that another has taken over."""
    capture(ledger, *waiting_trades(1), fence=20)
    before = contents(ledger)
    (late,) = waiting_trades(1, first=2)
    assert ledger.park(claim(late, fence=19), late, "reason", TASK, lambda: NOW) == STALE
    assert contents(ledger) == before
