"""Capture, from inbox to ledger: all of it, in order, whatever fails on the way."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Protocol

import pytest
from msgspec import structs
from redis import Redis
from redis.exceptions import RedisError

from tests.builders import NOW, TODAY, broken, partition_of, submission, submissions
from tests.capturing import Paused, Worker, with_short_leases
from tests.inbox.looking import KEYS, until_gone
from tests.ledger.reading import exception_rows, trade_rows
from tradecapture.generate import Mix, generate
from tradecapture.inbox import Claim
from tradecapture.ledger import Ledger, PartitionVerdict
from tradecapture.ledger.transaction import Clock
from tradecapture.local.postgresql_server import PostgresqlServer
from tradecapture.outcome import Outcome
from tradecapture.receipt import Receipt
from tradecapture.settings import Settings
from tradecapture.submission import Submission, read_submission

ONE, TWO, THREE = partition_of("B1"), partition_of("B2"), partition_of("B3")
UNREADABLE = b"2 3 1 1 an entry of a newer release"


class MakeWorker(Protocol):
    """Makes workers of one fleet."""

    def __call__(self, owner: str = ..., **changes: float) -> Worker:
        """Make one with an owner's name and settings of its own."""


@pytest.fixture
def make_worker(redis: "Redis", ledger_settings: Settings) -> Iterator[MakeWorker]:
    """Make workers on this Redis and each database in turn."""
    made: list[Worker] = []

    def make(owner: str = "worker", **changes: float) -> Worker:
        made.append(Worker(redis, replace(ledger_settings, **changes), owner))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for worker in made:
        worker.ledger.dispose()


@pytest.fixture
def worker(make_worker: MakeWorker) -> Worker:
    """The only worker of a fleet."""
    return make_worker()


def accept(worker: Worker, *batch: Submission) -> None:
    """Accept trades; all of them must be."""
    answers = worker.inbox.accept(batch).answers
    assert all(isinstance(answer, Receipt) for answer in answers), answers


def ids(book: str, number: int) -> list[str]:
    """Return the ids of the first submissions of a book."""
    return [f"{book}-{index}" for index in range(1, number + 1)]


def test_everything_is_captured_in_order(worker: Worker) -> None:
    """Several partitions, interleaved; the summary counts them, and nothing waits any more."""
    for index in range(1, 6):
        accept(worker, *submissions(1, "B1", index), *submissions(1, "B2", index))
    summary = worker.drain()
    assert summary == (1, {Outcome.CAPTURED: 10}, 0, 0, 0, False)
    assert worker.captured() == {ONE: ids("B1", 5), TWO: ids("B2", 5)}
    assert worker.waiting() == {}
    worker.assert_all_is_accounted_for()


def test_nothing_to_do_is_done_at_once(worker: Worker) -> None:
    """A bell too many costs one look."""
    assert worker.drain() == (0, {}, 0, 0, 0, False)


def test_times_are_those_of_redis(worker: Worker) -> None:
    """Accepted and captured by one clock, so latencies are right whatever the hosts' clocks."""
    accept(worker, *submissions(1))
    worker.drain()
    (row,) = trade_rows(worker.ledger)
    assert timedelta(0) <= row.captured_at - row.accepted_at < timedelta(seconds=30)
    assert row.task_id == "task-1"


def test_a_large_backlog_is_captured_batch_by_batch(make_worker: MakeWorker) -> None:
    """Small limits: many claims, no trade twice, order kept."""
    worker = make_worker(batch_trades=7, batch_partitions=2)
    for book in ("B1", "B2", "B3"):
        accept(worker, *submissions(20, book))
    summary = worker.drain()
    assert summary.batches >= 9
    assert worker.captured() == {
        p: ids(b, 20) for p, b in ((ONE, "B1"), (TWO, "B2"), (THREE, "B3"))
    }
    worker.assert_all_is_accounted_for()


def test_a_spent_budget_leaves_work_for_the_next(make_worker: MakeWorker) -> None:
    """One batch at least is done; the rest is there, in order, for whoever comes next."""
    worker = make_worker(batch_trades=2)
    accept(worker, *submissions(5, "B1"))
    summary = worker.drain(budget_seconds=0)
    assert (summary.batches, summary.work_left) == (1, True)
    assert worker.waiting() == {ONE: 3}
    assert not worker.drain().work_left
    assert worker.captured() == {ONE: ids("B1", 5)}


def test_realistic_trades_with_resends_come_to_their_outcomes(make_worker: MakeWorker) -> None:
    """Two workers in turn; every accepted position ends, one effect each."""
    workers = [make_worker(owner, batch_trades=40) for owner in ("ann", "bob")]
    read = [read_submission(body, TODAY) for body in generate(Mix(400, 3, 20, today=TODAY))]
    valid = [found for found in read if isinstance(found, Submission)]
    for first in range(0, len(valid), 50):
        workers[0].inbox.accept(valid[first : first + 50])
        workers[first // 50 % 2].drain(budget_seconds=0)
    workers[0].drain()
    expected: dict[str, list[str]] = {}
    for sent in {found.trade_id: found for found in valid}.values():
        expected.setdefault(sent.partition_key, []).append(sent.trade_id)
    assert workers[0].captured() == dict(sorted(expected.items()))
    workers[0].assert_all_is_accounted_for()


# ---------------------------------------------------------------------- trades at fault


def test_a_poisoned_trade_is_found_and_parked(worker: Worker) -> None:
    """What stands before it is captured, other partitions too; what is behind it waits."""
    accept(worker, *submissions(3, "B2"), *submissions(2, "B1"), broken("poison", "B1"))
    accept(worker, *submissions(2, "B1", 3), *submissions(3, "B3"))
    summary = worker.drain()
    assert summary.outcomes == {Outcome.CAPTURED: 8, Outcome.PARKED: 1}
    assert summary.halted == 1
    assert worker.captured() == {ONE: ids("B1", 2), TWO: ids("B2", 3), THREE: ids("B3", 3)}
    (row,) = exception_rows(worker.ledger)
    assert (row.trade_id, row.position, row.outcome) == ("poison", 3, "PARKED")
    assert row.reason.startswith("DecodeError: ")
    assert worker.held() == {ONE: row.reason}
    assert worker.waiting() == {ONE: 2}
    worker.assert_all_is_accounted_for()


def test_a_halted_partition_accepts_on_and_captures_nothing(worker: Worker) -> None:
    """Later trades wait in order, even if something releases the partition in Redis only."""
    accept(worker, broken("poison", "B1"), *submissions(1, "B1"))
    worker.drain()
    accept(worker, *submissions(3, "B1"), *submissions(1, "B2"))
    worker.inbox.release(ONE)
    assert worker.drain().outcomes == {Outcome.CAPTURED: 1}
    assert worker.captured() == {TWO: ids("B2", 1)}
    assert ONE in worker.held()
    assert worker.waiting() == {ONE: 3}
    worker.assert_all_is_accounted_for()


def test_two_poisoned_trades_park_one_after_the_other(worker: Worker) -> None:
    """Each partition of a claim is looked at by itself."""
    accept(worker, broken("p-1", "B1"), broken("p-2", "B2"), *submissions(1, "B3"))
    summary = worker.drain()
    assert summary.outcomes == {Outcome.PARKED: 2, Outcome.CAPTURED: 1}
    assert set(worker.held()) == {ONE, TWO}


def test_a_trade_that_cannot_even_be_parked_stays_where_it_is(worker: Worker) -> None:
    """Nothing of it is lost, its partition is held with both reasons, and the others go on."""
    homeless = structs.replace(submission("homeless"), partition_key="no partition")
    accept(worker, homeless, *submissions(2, "B1"))
    summary = worker.drain()
    assert (summary.outcomes, summary.halted) == ({Outcome.CAPTURED: 2}, 1)
    assert worker.waiting() == {"no partition": 1}
    assert "parking it failed too" in worker.held()["no partition"]
    assert worker.captured() == {ONE: ids("B1", 2)}


def test_an_unreadable_entry_holds_its_partition_and_loses_nothing(worker: Worker) -> None:
    """Trades before it are captured; it and those behind it stay for a worker that can read it."""
    accept(worker, *submissions(2, "B1"))
    worker.inbox.redis.rpush(KEYS.inbox(ONE), UNREADABLE)
    accept(worker, *submissions(1, "B1", 9), *submissions(2, "B2"))
    summary = worker.drain()
    assert summary.outcomes == {Outcome.CAPTURED: 4}
    assert worker.captured() == {ONE: ids("B1", 2), TWO: ids("B2", 2)}
    assert worker.waiting() == {ONE: 2}
    assert "run workers of the release that accepted it" in worker.held()[ONE]
    assert worker.inbox.redis.lindex(KEYS.inbox(ONE), 0) == UNREADABLE


def test_an_unreadable_head_holds_its_partition(worker: Worker) -> None:
    """Nothing of the partition can be captured, and nothing leaves it."""
    worker.inbox.redis.rpush(KEYS.inbox(ONE), UNREADABLE)
    accept(worker, *submissions(1, "B1"))
    assert worker.drain() == (1, {}, 0, 0, 1, False)
    assert worker.waiting() == {ONE: 2}


# ---------------------------------------------------------------------- databases that are away


@pytest.fixture
def outage(
    request: pytest.FixtureRequest, ledger_settings: Settings
) -> AbstractContextManager[None]:
    """While it is entered, the database cannot be written to."""
    if ledger_settings.database_url.startswith("postgresql"):
        return _stopped(request.getfixturevalue("postgresql_server"))
    return _locked(ledger_settings)


@contextmanager
def _stopped(server: PostgresqlServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    other = Ledger(settings)
    with other.engine.begin():
        yield
    other.dispose()


def test_while_the_database_is_away_trades_wait_and_then_come_in_order(
    make_worker: MakeWorker, outage: AbstractContextManager[None]
) -> None:
    """Nothing is parked; after the outage everything is captured, without anyone's help."""
    worker = make_worker(
        connect_seconds=0.05, retry_attempts=2, backoff_seconds=0.2, backoff_limit_seconds=0.4
    )
    accept(worker, *submissions(2, "B1"), *submissions(2, "B2"))
    with outage:
        summary = worker.drain(budget_seconds=0)
        assert (summary.postponed, summary.outcomes, summary.halted) == (2, {}, 0)
        accept(worker, *submissions(4, "B1"))
        assert worker.drain(budget_seconds=0).batches == 0  # not due before the backoff has passed
        assert worker.waiting() == {ONE: 4, TWO: 2}
    outcomes = worker.drain_until(lambda: worker.waiting() == {})
    assert outcomes == {Outcome.CAPTURED: 6}
    assert worker.captured() == {ONE: ids("B1", 4), TWO: ids("B2", 2)}
    assert worker.held() == {}
    worker.assert_all_is_accounted_for()


def test_an_outage_between_two_trades_of_a_split_batch_loses_nothing(
    make_worker: MakeWorker, outage: AbstractContextManager[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is settled, the rest is due again, the poisoned trade is still found."""
    worker = make_worker(connect_seconds=0.05, retry_attempts=2)
    accept(worker, *submissions(2, "B1"), broken("poison", "B1"), *submissions(1, "B1", 3))
    capture, calls = worker.ledger.capture, count(1)

    def goes_away(claim: Claim, task_id: str, clock: Clock) -> list[PartitionVerdict]:
        # The batch, the first trade by itself, and now the second.
        with outage if next(calls) == 3 else nullcontext():
            return capture(claim, task_id, clock)

    monkeypatch.setattr(worker.ledger, "capture", goes_away)
    assert worker.drain(budget_seconds=0).outcomes == {Outcome.CAPTURED: 1}
    worker.drain_until(lambda: ONE in worker.held())
    assert worker.captured() == {ONE: ids("B1", 2)}
    assert worker.waiting() == {ONE: 1}
    worker.assert_all_is_accounted_for()


def test_an_unreachable_redis_raises_and_the_lease_ends(
    make_worker: MakeWorker, ledger_settings: Settings, redis: "Redis"
) -> None:
    """Redis goes away between write and settle: the next owner finds the trades written."""
    paused = Paused(with_short_leases(ledger_settings))
    first = Worker(redis, with_short_leases(ledger_settings), "first", paused)
    accept(first, *submissions(3, "B1"))

    def refuse_the_settle() -> None:
        redis.rename(KEYS.due, "away")
        redis.set(KEYS.due, "not a sorted set")

    paused.after.append(refuse_the_settle)
    with pytest.raises(RedisError):
        first.drain()
    redis.rename("away", KEYS.due)
    until_gone(redis, KEYS.lock(ONE))
    second = make_worker("second")
    second.drain_until(lambda: second.waiting() == {})
    assert second.captured() == {ONE: ids("B1", 3)}
    second.assert_all_is_accounted_for()
    paused.dispose()


# ---------------------------------------------------------------------- workers that stall or die


@pytest.fixture
def stalling(redis: "Redis", ledger_settings: Settings) -> Iterator[tuple[Worker, Paused]]:
    """A worker whose leases are short and not renewed, and the ledger that stalls it."""
    paused = Paused(with_short_leases(ledger_settings))
    yield Worker(redis, with_short_leases(ledger_settings), "stalled", paused), paused
    paused.dispose()


def test_a_worker_that_stalls_after_its_write_cannot_settle(
    stalling: tuple[Worker, Paused], make_worker: MakeWorker, redis: "Redis"
) -> None:
    """Its lease ends, another settles, more is accepted: the late settle must trim nothing."""
    stalled, pause = stalling
    other = make_worker("other")
    accept(stalled, *submissions(3, "B1"))

    def meanwhile() -> None:
        until_gone(redis, KEYS.lock(ONE))
        other.drain_until(lambda: other.waiting() == {})
        accept(other, *submissions(6, "B1")[3:])

    pause.after.append(meanwhile)
    assert stalled.drain(budget_seconds=0).outcomes == {Outcome.CAPTURED: 3}
    assert other.waiting() == {ONE: 3}
    other.drain()
    assert other.captured() == {ONE: ids("B1", 6)}
    other.assert_all_is_accounted_for()


def test_a_worker_that_stalls_before_its_write_writes_nothing(
    stalling: tuple[Worker, Paused], make_worker: MakeWorker, redis: "Redis"
) -> None:
    """A newer claim has written: the fence refuses the late one, and it settles nothing."""
    stalled, pause = stalling
    other = make_worker("other")
    accept(stalled, *submissions(3, "B1"))

    def meanwhile() -> None:
        until_gone(redis, KEYS.lock(ONE))
        other.drain_until(lambda: other.waiting() == {})
        accept(other, *submissions(6, "B1")[3:])
        other.drain()

    pause.before.append(meanwhile)
    summary = stalled.drain(budget_seconds=0)
    assert (summary.stale, summary.outcomes) == (1, {})
    assert other.captured() == {ONE: ids("B1", 6)}
    other.assert_all_is_accounted_for()


def test_a_worker_that_dies_after_its_write_leaves_no_trace(
    make_worker: MakeWorker, ledger_settings: Settings, redis: "Redis"
) -> None:
    """The next owner finds the trades written, counts none of them again, and settles them."""
    dying = Worker(redis, with_short_leases(ledger_settings), "dies")
    accept(dying, *submissions(3, "B1"), *submissions(2, "B2"))
    claim = dying.inbox.claim(0, "dies", 0.0)
    assert claim is not None
    dying.ledger.capture(claim, "task-0", lambda: NOW)
    accept(dying, *submissions(4, "B1"))
    until_gone(redis, KEYS.lock(ONE))
    next_one = make_worker("next")
    outcomes = next_one.drain_until(lambda: next_one.waiting() == {})
    assert outcomes == {Outcome.CAPTURED: 1}
    assert next_one.captured() == {ONE: ids("B1", 4), TWO: ids("B2", 2)}
    next_one.assert_all_is_accounted_for()
    dying.ledger.dispose()


def test_a_worker_that_dies_after_parking_is_finished_by_the_next(
    make_worker: MakeWorker, ledger_settings: Settings, redis: "Redis"
) -> None:
    """The parked trade and what was captured before it leave; the partition is held."""
    dying = Worker(redis, with_short_leases(ledger_settings), "dies")
    accept(dying, *submissions(2, "B1"), broken("poison", "B1"), *submissions(1, "B1", 3))
    claim = dying.inbox.claim(0, "dies", 0.0)
    assert claim is not None
    dying.capture._write(claim, "task-0")  # everything but the settle
    until_gone(redis, KEYS.lock(ONE))
    next_one = make_worker("next")
    next_one.drain_until(lambda: ONE in next_one.held())
    assert next_one.waiting() == {ONE: 1}
    assert next_one.captured() == {ONE: ids("B1", 2)}
    next_one.assert_all_is_accounted_for()
    dying.ledger.dispose()
