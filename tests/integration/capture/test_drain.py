"""Draining a lane, which captures all waiting trades in order, batch by batch."""

from datetime import timedelta

from tests.support.builders import TODAY, submissions
from tests.support.capture.fixtures import MakeWorker
from tests.support.capture.worker import ONE, THREE, TWO, Worker, ids
from tests.support.ledger.ledger_snapshot import trade_rows
from tradecapture.local.samples.trades import SampleSpec, generate
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.submission import Submission, read_submission


def test_everything_is_captured_in_order(worker: Worker) -> None:
    """A drain captures interleaved partitions in order, counts the trades, and empties the lane."""
    for index in range(1, 6):
        worker.accept(*submissions(1, "B1", index), *submissions(1, "B2", index))
    summary = worker.drain()
    assert summary == (1, {Outcome.CAPTURED: 10}, 0, 0, 0, False)
    assert worker.captured() == {ONE: ids("B1", 5), TWO: ids("B2", 5)}
    assert worker.waiting() == {}
    worker.assert_all_is_accounted_for()


def test_nothing_to_do_is_done_at_once(worker: Worker) -> None:
    """A drain of an empty lane claims nothing."""
    assert worker.drain() == (0, {}, 0, 0, 0, False)


def test_times_are_those_of_redis(worker: Worker) -> None:
    """Both times of a trade are from the clock of Redis, so differing host clocks do no harm."""
    worker.accept(*submissions(1))
    worker.drain()
    (row,) = trade_rows(worker.ledger)
    assert timedelta(0) <= row.captured_at - row.accepted_at < timedelta(seconds=30)
    assert row.task_id == "task-1"


def test_a_large_backlog_is_captured_batch_by_batch(make_worker: MakeWorker) -> None:
    """With small limits a backlog takes many claims; each trade is captured once, in order."""
    worker = make_worker(batch_trades=7, batch_partitions=2)
    for book in ("B1", "B2", "B3"):
        worker.accept(*submissions(20, book))
    summary = worker.drain()
    assert summary.batches >= 9
    assert worker.captured() == {
        p: ids(b, 20) for p, b in ((ONE, "B1"), (TWO, "B2"), (THREE, "B3"))
    }
    worker.assert_all_is_accounted_for()


def test_a_spent_budget_leaves_work_for_the_next(make_worker: MakeWorker) -> None:
    """A drain without budget captures one batch and says that work is left for the next drain."""
    worker = make_worker(batch_trades=2)
    worker.accept(*submissions(5, "B1"))
    summary = worker.drain(budget_seconds=0)
    assert (summary.batches, summary.work_left) == (1, True)
    assert worker.waiting() == {ONE: 3}
    assert not worker.drain().work_left
    assert worker.captured() == {ONE: ids("B1", 5)}


def test_realistic_trades_with_resends_come_to_their_outcomes(make_worker: MakeWorker) -> None:
    """Two workers in turn capture sample trades once each, in order, despite resends."""
    workers = [make_worker(owner, batch_trades=40) for owner in ("ann", "bob")]
    results = [
        read_submission(body, TODAY) for body in generate(SampleSpec(400, 3, 20, today=TODAY))
    ]
    valid = [result for result in results if isinstance(result, Submission)]
    for first in range(0, len(valid), 50):
        workers[0].inbox.accept(valid[first : first + 50])
        workers[first // 50 % 2].drain(budget_seconds=0)
    workers[0].drain()
    expected: dict[str, list[str]] = {}
    for sent in {trade.trade_id: trade for trade in valid}.values():
        expected.setdefault(sent.partition_key, []).append(sent.trade_id)
    assert workers[0].captured() == dict(sorted(expected.items()))
    workers[0].assert_all_is_accounted_for()
