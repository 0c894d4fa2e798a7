"""A worker that leaves work in its lane rings for another worker at once."""

from tests.support.builders import submissions
from tests.support.capture.fixtures import MakeWorker
from tests.support.capture.worker import BUDGET_SECONDS, ONE, THREE, TWO, Worker, ids

BOOKS = ("B1", "B2", "B3")


def test_a_claim_that_leaves_something_rings_before_it_is_written(
    make_worker: MakeWorker,
) -> None:
    """A second worker claims the rest while the first one still writes, and order is kept."""
    ann, bob = (make_worker(owner, batch_trades=4) for owner in ("ann", "bob"))
    for book in BOOKS:
        ann.accept(*submissions(4, book))
    ann.inbox.clear_bell(0)
    seen: list[dict[str, list[str]]] = []

    def help_ann(lane: int) -> None:
        assert ann.inbox.reserve_bells([lane]) == [lane]
        bob.inbox.clear_bell(lane)
        bob.drain()
        seen.append(bob.captured())

    summary = ann.capture.drain(0, "task-1", BUDGET_SECONDS, help_ann)

    assert seen == [{TWO: ids("B2", 4), THREE: ids("B3", 4)}]
    assert summary.batches == 1
    assert ann.captured() == {ONE: ids("B1", 4), TWO: ids("B2", 4), THREE: ids("B3", 4)}
    ann.assert_all_is_accounted_for()


def test_a_claim_that_takes_all_rings_nobody(worker: Worker) -> None:
    """A claim that takes all waiting trades rings no bell."""
    for book in BOOKS:
        worker.accept(*submissions(4, book))
    worker.inbox.clear_bell(0)
    rung: list[int] = []
    worker.capture.drain(0, "task-1", BUDGET_SECONDS, rung.append)
    assert rung == []


def test_a_bell_that_waits_is_not_rung_again(make_worker: MakeWorker) -> None:
    """A worker rings no second bell for a lane, however many batches leave work."""
    worker = make_worker(batch_trades=4)
    for book in BOOKS:
        worker.accept(*submissions(4, book))
    rung: list[int] = []
    worker.capture.drain(0, "task-1", BUDGET_SECONDS, rung.append)
    assert rung == []
