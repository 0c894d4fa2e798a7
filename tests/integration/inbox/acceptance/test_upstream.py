"""Upstream's numbers: a receipt predicts the outcome, and the ledger corrects the predictions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import partition_of, submission
from tests.support.inbox.redis_snapshot import KEYS, claimed, everything, trade_ids
from tradecapture.inbox import Completion, Inbox, InboxReader
from tradecapture.ledger.rules.partition import SequenceCheck, check_sequence
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.receipt import Receipt
from tradecapture.trades.submission import Submission

ONE = partition_of("B1")
WINDOW = Settings().sequence_window


def numbered(number: int, trade_id: str = "", book: str = "B1") -> Submission:
    """Return a submission with a number of upstream's."""
    return submission(trade_id or f"N-{number}", book, sequenceNumber=number)


def receipts(inbox: Inbox, *batch: Submission) -> list[Receipt]:
    """Accept trades, which all go into their inbox, and return their receipts."""
    answers = inbox.accept(batch).answers
    found = [answer for answer in answers if isinstance(answer, Receipt)]
    assert len(found) == len(batch), answers
    return found


def expected_outcomes(inbox: Inbox, *batch: Submission) -> str:
    """Accept trades and return the first letters of their expected outcomes."""
    return "".join(receipt.expected_outcome[0] for receipt in receipts(inbox, *batch))


def complete_all(inbox: Inbox, upstream: int) -> None:
    """Complete all waiting trades; the ledger has reached this number of upstream's."""
    claim = claimed(inbox)
    inbox.complete(0, claim.token, [Completion(ONE, claim.trades, upstream_number=upstream)])


def test_clients_of_the_service_before_read_what_they_expect(inbox: Inbox) -> None:
    """1 and 2 in order, 5 buffered, a passed one and one beyond the window rejected."""
    batch = [numbered(n, f"T-{place}") for place, n in enumerate((1, 2, 5, 2, 103, 102))]
    assert expected_outcomes(inbox, *batch, submission("none", "B1")) == "AABRRBA"
    assert trade_ids(claimed(inbox)) == [[*(trade.trade_id for trade in batch), "none"]]


def test_a_receipt_says_which_number_is_awaited(inbox: Inbox) -> None:
    """Or why its own number was rejected; in order the reason is empty."""
    batch = [numbered(1), numbered(4), numbered(1, "again"), numbered(102), numbered(4, "twin")]
    first, ahead, passed, far, twin = receipts(inbox, *batch)
    assert first.why == ""
    assert ahead.why == "sequence number 4 waits for 2, and is captured after it"
    assert passed.why == "sequence number 1 was passed: the partition is at 1"
    assert far.why == "sequence number 102 is more than 100 ahead of 1"
    assert twin.why.startswith("sequence number 4 is that of another trade")
    assert [r.expected_outcome for r in (far, twin)] == [ExpectedOutcome.REJECTED] * 2


def test_the_missing_number_takes_its_followers_along(inbox: Inbox) -> None:
    """When a gap is filled, the buffered numbers after it are in order, up to the next gap."""
    assert expected_outcomes(inbox, numbered(1), numbered(3), numbered(4), numbered(6)) == "ABBB"
    assert expected_outcomes(inbox, numbered(2)) == "A"
    assert expected_outcomes(inbox, numbered(4, "late"), numbered(7), numbered(5)) == "RBA"
    assert expected_outcomes(inbox, numbered(8)) == "A"
    assert inbox.redis.exists(KEYS.ahead(ONE)) == 0


@given(st.permutations(range(1, 9)), st.integers(1, 9))
def test_the_prediction_follows_the_ledgers_rule(
    inbox: Inbox, order: list[int], window: int
) -> None:
    """For any order and window it agrees with `check_sequence`, number by number."""
    inbox.redis.flushall()
    narrow = Inbox(inbox.redis, Settings(lanes=1, sequence_window=window))
    reached, ahead = 0, set[int]()
    for number in order:
        expected = {
            SequenceCheck.NEXT: ExpectedOutcome.ACCEPTED,
            SequenceCheck.AHEAD: ExpectedOutcome.BUFFERED,
            SequenceCheck.BEHIND: ExpectedOutcome.REJECTED,
            SequenceCheck.BEYOND_WINDOW: ExpectedOutcome.REJECTED,
        }[check_sequence(number, reached, window)]
        (receipt,) = receipts(narrow, numbered(number))
        assert receipt.expected_outcome is expected
        if expected is ExpectedOutcome.ACCEPTED:
            reached = number
            while reached + 1 in ahead:
                reached += 1
        elif expected is ExpectedOutcome.BUFFERED:
            ahead.add(number)


def test_a_resend_is_answered_as_at_first(inbox: Inbox) -> None:
    """It gets the first prediction, even if the missing number has come, and changes nothing."""
    batch = [numbered(1), numbered(3), numbered(1, "twin")]
    assert expected_outcomes(inbox, *batch, numbered(2)) == "ABRA"
    before = everything(inbox.redis)
    again = receipts(inbox, *batch)
    assert "".join(receipt.expected_outcome[0] for receipt in again) == "ABR"
    assert all(receipt.duplicate for receipt in again)
    assert again[1].why == "sequence number 3 was ahead of its turn when the trade was accepted"
    assert everything(inbox.redis) == before


def test_what_the_former_release_remembered_is_read(inbox: Inbox, settings: Settings) -> None:
    """A `seen` without an expected outcome is read as ACCEPTED."""
    sent = submission("T-1", "B1")
    inbox.redis.set(KEYS.seen("T-1"), f"{sent.digest} 7 1736000000000000 1736933400123 {ONE}")
    (receipt,) = receipts(inbox, sent)
    assert (receipt.position, receipt.duplicate, receipt.expected_outcome) == (
        7,
        True,
        ExpectedOutcome.ACCEPTED,
    )
    seen = InboxReader(inbox.redis, settings.lanes).accepted_trade("T-1")
    assert seen is not None
    assert (seen.position, seen.accepted_ms, seen.partition_key) == (7, 1736933400123, ONE)
    assert seen.expected_outcome is ExpectedOutcome.ACCEPTED


def test_the_reader_knows_the_expected_outcome(inbox: Inbox, settings: Settings) -> None:
    """It returns the prediction of the receipt."""
    expected_outcomes(inbox, numbered(1), numbered(3), numbered(1, "twin"))
    reader = InboxReader(inbox.redis, settings.lanes)
    found = [reader.accepted_trade(trade_id) for trade_id in ("N-1", "N-3", "twin")]
    assert [seen.expected_outcome[0] for seen in found if seen] == ["A", "B", "R"]


def test_an_emptied_redis_learns_the_number_from_the_ledger(inbox: Inbox) -> None:
    """Its first predictions are wrong; after one completion they are right."""
    assert expected_outcomes(inbox, numbered(501)) == "R"
    complete_all(inbox, upstream=501)
    assert expected_outcomes(inbox, numbered(502), numbered(504), numbered(500)) == "ABR"


@pytest.mark.parametrize(("reached", "then"), [(3, "RA"), (1, "AB")])
def test_with_nothing_left_to_capture_the_ledger_is_right(
    inbox: Inbox, reached: int, then: str
) -> None:
    """Its number replaces the prediction: higher after a passed gap, lower after a rejection."""
    expected_outcomes(inbox, numbered(1), numbered(2))
    complete_all(inbox, upstream=reached)
    assert expected_outcomes(inbox, numbered(2, "two"), numbered(4)) == then


def test_while_trades_wait_the_ledger_only_raises_the_number(inbox: Inbox) -> None:
    """A lower number is ignored; a higher one also counts the buffered numbers that follow it."""
    expected_outcomes(inbox, numbered(1), numbered(2), numbered(5), numbered(8))
    claim = claimed(inbox)
    inbox.complete(0, claim.token, [Completion(ONE, 1, upstream_number=1)])
    assert expected_outcomes(inbox, numbered(2, "two")) == "R"
    claim = claimed(inbox)
    inbox.complete(0, claim.token, [Completion(ONE, 1, upstream_number=4)])
    assert expected_outcomes(inbox, numbered(5, "five"), numbered(6)) == "RA"


def test_a_refused_completion_changes_no_prediction(inbox: Inbox) -> None:
    """A completion that is sent twice changes nothing."""
    expected_outcomes(inbox, numbered(1))
    claim = claimed(inbox)
    same_again = [Completion(ONE, 1, upstream_number=1)]
    inbox.complete(0, claim.token, same_again)
    expected_outcomes(inbox, numbered(2), numbered(3))
    before = everything(inbox.redis)
    assert inbox.complete(0, claim.token, same_again) == [False]
    assert everything(inbox.redis) == before


def test_partitions_count_for_themselves(inbox: Inbox) -> None:
    """The same number in two partitions is two numbers."""
    assert expected_outcomes(inbox, numbered(1, "a", "B1"), numbered(1, "b", "B2")) == "AA"


def test_the_largest_numbers_are_left_to_the_ledger(inbox: Inbox) -> None:
    """A script cannot count them exactly: it predicts nothing and ignores the ledger's number."""
    assert expected_outcomes(inbox, numbered(2**53), numbered(2**63 - 1)) == "AA"
    complete_all(inbox, upstream=2**63 - 1)
    assert expected_outcomes(inbox, numbered(1)) == "A"
