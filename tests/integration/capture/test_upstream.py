"""Upstream's numbers from submission to ledger: what was foretold is what becomes of the trade."""

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
BOOKS = (f"U{number}" for number in count(1))  # examples share servers: each has a book of its own


class Step(NamedTuple):
    """Trades that are submitted together, and whether a worker looks afterwards."""

    numbers: list[int | None]
    drained: bool


# Small numbers, so that passed, taken and distant ones are many; None: not numbered.
steps = st.lists(
    st.builds(
        Step,
        st.lists(st.none() | st.integers(1, 3 * WINDOW), min_size=1, max_size=4),
        st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


def standings(worker: Worker, trades: Iterable[Submission]) -> dict[str, ExpectedOutcome]:
    """Accept trades; return where each was said to stand."""
    answers = worker.inbox.accept(list(trades)).answers
    receipts = [answer for answer in answers if isinstance(answer, Receipt)]
    assert len(receipts) == len(answers), answers
    return {receipt.trade_id: receipt.expected_outcome for receipt in receipts}


def judged(worker: Worker, trade_id: str) -> ExpectedOutcome:
    """Return how the ledger has judged a trade when it came to it."""
    row = worker.reader.trade(trade_id)
    assert row is not None
    if isinstance(row, TradeRow):
        return ExpectedOutcome.ACCEPTED if row.buffered_at is None else ExpectedOutcome.BUFFERED
    return ExpectedOutcome(row.outcome)


@pytest.fixture
def narrow(make_worker: MakeWorker) -> Worker:
    """A fleet whose window is narrow."""
    return make_worker(sequence_window=WINDOW)


@hypothesis_settings(max_examples=30)
@given(steps)
def test_what_a_receipt_foretells_is_what_the_ledger_decides(
    narrow: Worker, story: list[Step]
) -> None:
    """In any order, with passed, taken and distant numbers, captured at any moments."""
    book, ids = next(BOOKS), count(1)
    foretold: dict[str, ExpectedOutcome] = {}
    for numbers, drained in story:
        named = [(number, f"{book}-{next(ids)}") for number in numbers]
        trades = (
            submission(trade_id, book) if number is None else numbered(number, trade_id, book)
            for number, trade_id in named
        )
        foretold |= standings(narrow, trades)
        if drained:
            narrow.drain()
    narrow.drain()
    assert {trade_id: judged(narrow, trade_id) for trade_id in foretold} == foretold
    narrow.assert_all_is_accounted_for()


@pytest.mark.parametrize("lost", ["nothing", "everything"])
def test_buffered_trades_survive_a_restart_of_everything(
    make_worker: MakeWorker, lost: str
) -> None:
    """They are in the ledger: also an emptied Redis does not lose them."""
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
    # Whatever was foretold of 2, Redis knows now where the ledger is.
    assert standings(after, [numbered(5, "e", "B1"), numbered(7, "g", "B1")]) == {
        "e": ExpectedOutcome.ACCEPTED,
        "g": ExpectedOutcome.BUFFERED,
    }
    after.assert_all_is_accounted_for()


def test_a_worker_that_dies_before_it_settles_buffers_once(make_worker: MakeWorker) -> None:
    """The next one delivers everything again, and the missing number takes all along."""
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
