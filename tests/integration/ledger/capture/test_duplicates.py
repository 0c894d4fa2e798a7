"""One effect: a trade changes the ledger once, however often it is accepted or delivered."""

import pytest

from tests.support.builders import EPOCH, PARTITION, entry, partition_of, submission
from tests.support.ledger.ledger_snapshot import (
    capture,
    captured,
    contents,
    exception_rows,
    nothing_new,
    partition_row,
    shares,
    trade_rows,
)
from tradecapture.ledger import Ledger, PartitionResult
from tradecapture.trades.lifecycle import Outcome

ONE = submission("T-1")
SAME_ID_OTHER_CONTENT = submission("T-1", source="MANUAL")


def outcomes_of(verdict: PartitionResult) -> dict[Outcome, int]:
    """Return a verdict's counts."""
    return dict(verdict.outcomes)


def test_a_redelivered_trade_has_no_effect(ledger: Ledger) -> None:
    """The same position again, by a later claim: written, and nothing else."""
    capture(ledger, entry(ONE, 1))
    before = contents(ledger)[1:]
    assert capture(ledger, entry(ONE, 1), fence=2) == [nothing_new(PARTITION, 1)]
    assert contents(ledger)[1:] == before
    assert shares(ledger) == 1000


@pytest.mark.parametrize(
    "odd", ["a,b", "{a}", '"a"', "a'b", "a\\b", "NULL", "a b", "a%sb", "[a]", "日本 🦊", "a\u0301"]
)
def test_an_odd_id_is_found_again(ledger: Ledger, odd: str) -> None:
    """Whatever an id holds, it is looked up as it is: redelivered, it has no second effect."""
    sent = entry(submission(odd, f"book {odd}"))
    partition = sent.submission.partition_key
    assert capture(ledger, sent) == [captured(partition, 1)]
    assert capture(ledger, sent, fence=2) == [nothing_new(partition, 1)]
    assert [row.trade_id for row in trade_rows(ledger)] == [odd]


def test_a_resend_at_another_position_is_a_duplicate(ledger: Ledger) -> None:
    """Accepted again after the idempotency window: recorded with where the first one is."""
    capture(ledger, entry(ONE, 1))
    (verdict,) = capture(ledger, entry(ONE, 2), fence=2)
    assert (verdict.trades, outcomes_of(verdict)) == (1, {Outcome.DUPLICATE: 1})
    (row,) = exception_rows(ledger)
    assert (row.outcome, row.position, row.digest) == ("DUPLICATE", 2, ONE.digest)
    assert row.reason == f"accepted before: position 1 of {PARTITION}"
    assert shares(ledger) == 1000


def test_the_same_id_with_other_content_is_rejected(ledger: Ledger) -> None:
    """The first one stays; the other is recorded with its document and its reason."""
    capture(ledger, entry(ONE, 1))
    (verdict,) = capture(ledger, entry(SAME_ID_OTHER_CONTENT, 2), fence=2)
    assert outcomes_of(verdict) == {Outcome.REJECTED: 1}
    (row,) = exception_rows(ledger)
    assert (row.outcome, row.document.encode()) == ("REJECTED", SAME_ID_OTHER_CONTENT.document)
    assert row.reason.startswith("DUPLICATE_TRADE_ID_DIFFERENT_PAYLOAD: ")
    assert row.reason.endswith(f"position 1 of {PARTITION}")
    assert shares(ledger) == 1000


def test_redelivered_exceptions_are_not_doubled(ledger: Ledger) -> None:
    """A claim with duplicates and rejections that is captured again records nothing new."""
    batch = [entry(ONE, 1), entry(ONE, 2), entry(SAME_ID_OTHER_CONTENT, 3)]
    capture(ledger, *batch)
    before = contents(ledger)[1:]
    assert capture(ledger, *batch, fence=2) == [nothing_new(PARTITION, 3)]
    assert contents(ledger)[1:] == before


def test_duplicates_inside_one_batch_are_found(ledger: Ledger) -> None:
    """The first of the batch is captured, the others are judged against it."""
    batch = [
        entry(ONE, 1),
        entry(submission("T-2"), 2),
        entry(ONE, 3),
        entry(SAME_ID_OTHER_CONTENT, 4),
        entry(submission("T-3"), 5),
    ]
    (verdict,) = capture(ledger, *batch)
    assert outcomes_of(verdict) == {
        Outcome.CAPTURED: 3,
        Outcome.DUPLICATE: 1,
        Outcome.REJECTED: 1,
    }
    assert [(row.position, row.ledger_sequence) for row in trade_rows(ledger)] == [
        (1, 1),
        (2, 2),
        (5, 3),
    ]
    assert shares(ledger) == 3000


def test_one_id_in_two_partitions_is_captured_once(ledger: Ledger) -> None:
    """In one batch or in two: the first is captured, the other rejected (its book differs)."""
    elsewhere = submission("T-1", "B2")
    verdicts = capture(ledger, entry(ONE, 1), entry(elsewhere, 1))
    assert [outcomes_of(verdict) for verdict in verdicts] == [
        {Outcome.CAPTURED: 1},
        {Outcome.REJECTED: 1},
    ]
    third = submission("T-1", "B3")
    (verdict,) = capture(ledger, entry(third, 1))
    assert outcomes_of(verdict) == {Outcome.REJECTED: 1}
    assert [row.partition_key for row in trade_rows(ledger)] == [PARTITION]
    assert {row.partition_key for row in exception_rows(ledger)} == {
        partition_of("B2"),
        partition_of("B3"),
    }


def test_a_trade_accepted_again_after_redis_was_emptied_is_a_duplicate(ledger: Ledger) -> None:
    """Position 1 of a new epoch is another place than position 1 of the old one."""
    capture(ledger, entry(ONE, 1))
    later = EPOCH + 1_000_000
    (verdict,) = capture(ledger, entry(ONE, 1, later), entry(submission("T-2"), 2, later), fence=2)
    assert outcomes_of(verdict) == {Outcome.DUPLICATE: 1, Outcome.CAPTURED: 1}
    row = partition_row(ledger)
    assert (row.epoch, row.last_position, row.inversions) == (later, 2, 0)


def test_every_position_has_one_row(ledger: Ledger) -> None:
    """Captured, duplicate or rejected: each accepted position is in the ledger exactly once."""
    batch = [entry(ONE, 1), entry(ONE, 2), entry(SAME_ID_OTHER_CONTENT, 3), entry(ONE, 4)]
    capture(ledger, *batch)
    capture(ledger, *batch, entry(submission("T-2"), 5), fence=2)
    positions = [row.position for row in trade_rows(ledger)]
    positions += [row.position for row in exception_rows(ledger)]
    assert sorted(positions) == [1, 2, 3, 4, 5]


def test_captured_counts_are_of_new_rows_only(ledger: Ledger) -> None:
    """What an earlier attempt wrote is not counted again in metrics and results."""
    assert capture(ledger, entry(ONE, 1)) == [captured(PARTITION, 1)]
    (verdict,) = capture(ledger, entry(ONE, 1), entry(submission("T-2"), 2), fence=2)
    assert (verdict.trades, outcomes_of(verdict)) == (2, {Outcome.CAPTURED: 1})
