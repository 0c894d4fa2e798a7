"""Sequence numbers: the ledger decides as the receipt of a trade predicted."""

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.builders import NOW, numbered, submission
from tests.support.capture.fixtures import MakeWorker
from tests.support.capture.worker import ONE, Worker
from tests.support.inbox.redis_snapshot import KEYS
from tradecapture.ledger import TradeRow
from tradecapture.trades.lifecycle import ExpectedOutcome, Outcome
from tradecapture.trades.receipt import Receipt
from tradecapture.trades.submission import Submission

WINDOW = 5
# Each example has its own book, because the examples share servers.
BOOKS = (f"U{number}" for number in count(1))


class Step(NamedTuple):
    """Trades that are submitted together, and whether a worker drains the lane afterwards."""

    numbers: list[int | None]
    drains: bool


# Small numbers, so that many are passed, taken or too far ahead; None is a trade without number.
steps = st.lists(
    st.builds(
        Step,
        st.lists(st.none() | st.integers(1, 3 * WINDOW), min_size=1, max_size=4),
        st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


def expected_outcomes(worker: Worker, trades: Iterable[Submission]) -> dict[str, ExpectedOutcome]:
    """Accept trades and return the outcome that each receipt predicts."""
    answers = worker.inbox.accept(list(trades)).answers
    receipts = [answer for answer in answers if isinstance(answer, Receipt)]
    assert len(receipts) == len(answers), answers
    return {receipt.trade_id: receipt.expected_outcome for receipt in receipts}


def ledger_outcome(worker: Worker, trade_id: str) -> ExpectedOutcome:
    """Return the outcome that the ledger first gave a trade."""
    row = worker.reader.trade(trade_id)
    assert row is not None
    if isinstance(row, TradeRow):
        return ExpectedOutcome.ACCEPTED if row.buffered_at is None else ExpectedOutcome.BUFFERED
    return ExpectedOutcome(row.outcome)


@pytest.fixture
def narrow_worker(make_worker: MakeWorker) -> Worker:
    """A worker with a small sequence window."""
    return make_worker(sequence_window=WINDOW)


@hypothesis_settings(max_examples=30)
@given(steps)
def test_what_a_receipt_foretells_is_what_the_ledger_decides(
    narrow_worker: Worker, scenario: list[Step]
) -> None:
    """The predicted outcome is the ledger's, for any numbers, in any order, with any drains."""
    book, ids = next(BOOKS), count(1)
    expected: dict[str, ExpectedOutcome] = {}
    for numbers, drains in scenario:
        numbers_and_ids = [(number, f"{book}-{next(ids)}") for number in numbers]
        trades = (
            submission(trade_id, book) if number is None else numbered(number, trade_id, book)
            for number, trade_id in numbers_and_ids
        )
        expected |= expected_outcomes(narrow_worker, trades)
        if drains:
            narrow_worker.drain()
    narrow_worker.drain()
    assert {trade_id: ledger_outcome(narrow_worker, trade_id) for trade_id in expected} == expected
    narrow_worker.assert_all_is_accounted_for()


@pytest.mark.parametrize("lost", ["nothing", "everything"])
def test_buffered_trades_survive_a_restart_of_everything(
    make_worker: MakeWorker, lost: str
) -> None:
    """Buffered trades are in the ledger, so even an emptied Redis does not lose them."""
    before = make_worker()
    before.accept(numbered(1, "a", "B1"), numbered(3, "c", "B1"), numbered(4, "d", "B1"))
    assert before.drain().outcomes == {Outcome.CAPTURED: 1, Outcome.BUFFERED: 2}
    before.ledger.dispose()
    if lost == "everything":
        before.inbox.redis.flushall()
    after = make_worker()
    after.accept(numbered(2, "b", "B1"))
    assert after.drain().outcomes == {Outcome.CAPTURED: 3}
    assert after.captured() == {ONE: ["a", "b", "c", "d"]}
    # Redis has the ledger's number again, so new predictions are correct.
    assert expected_outcomes(after, [numbered(5, "e", "B1"), numbered(7, "g", "B1")]) == {
        "e": ExpectedOutcome.ACCEPTED,
        "g": ExpectedOutcome.BUFFERED,
    }
    after.assert_all_is_accounted_for()


def test_a_worker_that_dies_before_it_completes_buffers_once(make_worker: MakeWorker) -> None:
    """A trade that a dead worker has buffered is buffered once, and captured after the gap."""
    dying = make_worker("dying")
    trades = [numbered(n, f"N-{n}", "B1") for n in (1, 3, 5, 2)]
    dying.accept(*trades)
    claim = dying.inbox.claim(0, "dying", 0.0)
    assert claim is not None
    dying.ledger.capture(claim, "task-1", lambda: NOW)
    dying.inbox.redis.delete(KEYS.lock(ONE))
    dying.inbox.redis.zadd(KEYS.due, {ONE: 0})
    dying.accept(numbered(4, "N-4", "B1"))
    survivor = make_worker("survivor")
    assert survivor.drain().outcomes == {Outcome.CAPTURED: 2}
    assert survivor.captured() == {ONE: [f"N-{n}" for n in (1, 2, 3, 4, 5)]}
    survivor.assert_all_is_accounted_for()
