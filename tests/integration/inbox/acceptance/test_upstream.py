"""Upstream's numbers: a receipt says how the ledger will judge, and the ledger corrects it."""

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
    """Accept trades; every one of them goes into its inbox, whatever its standing."""
    answers = inbox.accept(batch).answers
    found = [answer for answer in answers if isinstance(answer, Receipt)]
    assert len(found) == len(batch), answers
    return found


def standings(inbox: Inbox, *batch: Submission) -> str:
    """Accept trades and return the first letters of their standings."""
    return "".join(receipt.expected_outcome[0] for receipt in receipts(inbox, *batch))


def settle_all(inbox: Inbox, upstream: int) -> None:
    """Capture everything that waits; the ledger has then reached a number."""
    claim = claimed(inbox)
    inbox.complete(0, claim.token, [Completion(ONE, claim.trades, upstream_number=upstream)])


def test_clients_of_the_service_before_read_what_they_expect(inbox: Inbox) -> None:
    """1 and 2 in order, 5 buffered, a passed one and one beyond the window rejected."""
    batch = [numbered(n, f"T-{place}") for place, n in enumerate((1, 2, 5, 2, 103, 102))]
    assert standings(inbox, *batch, submission("none", "B1")) == "AABRRBA"
    assert trade_ids(claimed(inbox)) == [[*(trade.trade_id for trade in batch), "none"]]


def test_a_receipt_says_which_number_is_awaited(inbox: Inbox) -> None:
    """Or why its own was rejected; in order there is nothing to say."""
    batch = [numbered(1), numbered(4), numbered(1, "again"), numbered(102), numbered(4, "twin")]
    first, ahead, passed, far, twin = receipts(inbox, *batch)
    assert first.why == ""
    assert ahead.why == "sequence number 4 waits for 2, and is captured after it"
    assert passed.why == "sequence number 1 was passed: the partition is at 1"
    assert far.why == "sequence number 102 is more than 100 ahead of 1"
    assert twin.why.startswith("sequence number 4 is that of another trade")
    assert [r.expected_outcome for r in (far, twin)] == [ExpectedOutcome.REJECTED] * 2


def test_the_missing_number_takes_its_followers_along(inbox: Inbox) -> None:
    """After 3, what waited for it is in order, and the next gap is awaited."""
    assert standings(inbox, numbered(1), numbered(3), numbered(4), numbered(6)) == "ABBB"
    assert standings(inbox, numbered(2)) == "A"
    assert standings(inbox, numbered(4, "late"), numbered(7), numbered(5)) == "RBA"
    assert standings(inbox, numbered(8)) == "A"
    assert inbox.redis.exists(KEYS.ahead(ONE)) == 0


@given(st.permutations(range(1, 9)), st.integers(1, 9))
def test_the_prediction_follows_the_ledgers_rule(
    inbox: Inbox, order: list[int], window: int
) -> None:
    """For any order of arrival and any window: what `check_sequence` says, number by number."""
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
    """Also when the missing number has come meanwhile; and nothing is changed by it."""
    batch = [numbered(1), numbered(3), numbered(1, "twin")]
    assert standings(inbox, *batch, numbered(2)) == "ABRA"
    before = everything(inbox.redis)
    again = receipts(inbox, *batch)
    assert "".join(receipt.expected_outcome[0] for receipt in again) == "ABR"
    assert all(receipt.duplicate for receipt in again)
    assert again[1].why == "sequence number 3 was ahead of its turn when the trade was accepted"
    assert everything(inbox.redis) == before


def test_what_was_remembered_by_the_release_before_is_read(
    inbox: Inbox, settings: Settings
) -> None:
    """A `seen` without a standing is that of an accepted trade."""
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


def test_the_reader_knows_the_standing(inbox: Inbox, settings: Settings) -> None:
    """As it was predicted."""
    standings(inbox, numbered(1), numbered(3), numbered(1, "twin"))
    reader = InboxReader(inbox.redis, settings.lanes)
    found = [reader.accepted_trade(trade_id) for trade_id in ("N-1", "N-3", "twin")]
    assert [seen.expected_outcome[0] for seen in found if seen] == ["A", "B", "R"]


def test_an_emptied_redis_learns_the_number_from_the_ledger(inbox: Inbox) -> None:
    """Its first predictions are wrong; after one settlement they are right."""
    assert standings(inbox, numbered(501)) == "R"
    settle_all(inbox, upstream=501)
    assert standings(inbox, numbered(502), numbered(504), numbered(500)) == "ABR"


@pytest.mark.parametrize(("reached", "then"), [(3, "RA"), (1, "AB")])
def test_with_nothing_left_to_capture_the_ledger_is_right(
    inbox: Inbox, reached: int, then: str
) -> None:
    """Whether it has come further (a gap was released) or less far (a trade was rejected)."""
    standings(inbox, numbered(1), numbered(2))
    settle_all(inbox, upstream=reached)
    assert standings(inbox, numbered(2, "two"), numbered(4)) == then


def test_while_trades_wait_the_ledger_only_raises_the_number(inbox: Inbox) -> None:
    """What waits was promised its place; a released gap takes its followers along."""
    standings(inbox, numbered(1), numbered(2), numbered(5), numbered(8))
    claim = claimed(inbox)
    inbox.complete(0, claim.token, [Completion(ONE, 1, upstream_number=1)])
    assert standings(inbox, numbered(2, "two")) == "R"
    claim = claimed(inbox)
    inbox.complete(0, claim.token, [Completion(ONE, 1, upstream_number=4)])
    assert standings(inbox, numbered(5, "five"), numbered(6)) == "RA"


def test_a_settlement_refused_teaches_nothing(inbox: Inbox) -> None:
    """Neither a stale worker's, nor one that is sent twice."""
    standings(inbox, numbered(1))
    claim = claimed(inbox)
    settle_all_again = [Completion(ONE, 1, upstream_number=1)]
    inbox.complete(0, claim.token, settle_all_again)
    standings(inbox, numbered(2), numbered(3))
    before = everything(inbox.redis)
    assert inbox.complete(0, claim.token, settle_all_again) == [False]
    assert everything(inbox.redis) == before


def test_partitions_count_for_themselves(inbox: Inbox) -> None:
    """The same number in two partitions is two numbers."""
    assert standings(inbox, numbered(1, "a", "B1"), numbered(1, "b", "B2")) == "AA"


def test_the_largest_numbers_are_left_to_the_ledger(inbox: Inbox) -> None:
    """Beyond what a script counts exactly nothing is predicted, and nothing is learnt."""
    assert standings(inbox, numbered(2**53), numbered(2**63 - 1)) == "AA"
    settle_all(inbox, upstream=2**63 - 1)
    assert standings(inbox, numbered(1)) == "A"
