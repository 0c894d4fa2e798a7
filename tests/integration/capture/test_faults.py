"""A trade that cannot be captured stops only its own partition."""

from msgspec import structs

from tests.support.builders import broken, submission, submissions
from tests.support.capture.worker import ONE, THREE, TWO, Worker, ids
from tests.support.inbox.redis_snapshot import KEYS
from tests.support.ledger.ledger_snapshot import exception_rows
from tradecapture.trades.lifecycle import Outcome

UNREADABLE = b"0 3 1 1 an entry that no release reads"


def test_a_poisoned_trade_is_found_and_parked(worker: Worker) -> None:
    """Trades before a poisoned one and other partitions are captured; later trades wait."""
    worker.accept(*submissions(3, "B2"), *submissions(2, "B1"), broken("poison", "B1"))
    worker.accept(*submissions(2, "B1", 3), *submissions(3, "B3"))
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
    """Later trades of a halted partition wait, even if its hold is removed only in Redis."""
    worker.accept(broken("poison", "B1"), *submissions(1, "B1"))
    worker.drain()
    worker.accept(*submissions(3, "B1"), *submissions(1, "B2"))
    worker.inbox.unhold(ONE)
    assert worker.drain().outcomes == {Outcome.CAPTURED: 1}
    assert worker.captured() == {TWO: ids("B2", 1)}
    assert ONE in worker.held()
    assert worker.waiting() == {ONE: 3}
    worker.assert_all_is_accounted_for()


def test_two_poisoned_trades_park_one_after_the_other(worker: Worker) -> None:
    """Two poisoned trades of one claim halt only their own two partitions."""
    worker.accept(broken("p-1", "B1"), broken("p-2", "B2"), *submissions(1, "B3"))
    summary = worker.drain()
    assert summary.outcomes == {Outcome.PARKED: 2, Outcome.CAPTURED: 1}
    assert set(worker.held()) == {ONE, TWO}


def test_a_trade_that_cannot_even_be_parked_stays_where_it_is(worker: Worker) -> None:
    """A trade that cannot be parked stays in its inbox, and its partition is held."""
    unparkable = structs.replace(submission("homeless"), partition_key="no partition")
    worker.accept(unparkable, *submissions(2, "B1"))
    summary = worker.drain()
    assert (summary.outcomes, summary.halted) == ({Outcome.CAPTURED: 2}, 1)
    assert worker.waiting() == {"no partition": 1}
    assert "parking it failed too" in worker.held()["no partition"]
    assert worker.captured() == {ONE: ids("B1", 2)}


def test_an_unreadable_entry_holds_its_partition_and_loses_nothing(worker: Worker) -> None:
    """Trades before an unreadable entry are captured; the entry and later trades wait."""
    worker.accept(*submissions(2, "B1"))
    worker.inbox.redis.rpush(KEYS.inbox(ONE), UNREADABLE)
    worker.accept(*submissions(1, "B1", 9), *submissions(2, "B2"))
    summary = worker.drain()
    assert summary.outcomes == {Outcome.CAPTURED: 4}
    assert worker.captured() == {ONE: ids("B1", 2), TWO: ids("B2", 2)}
    assert worker.waiting() == {ONE: 2}
    assert "run workers of the release that accepted it" in worker.held()[ONE]
    assert worker.inbox.redis.lindex(KEYS.inbox(ONE), 0) == UNREADABLE


def test_an_unreadable_head_holds_its_partition(worker: Worker) -> None:
    """A partition with an unreadable head is held, and all its entries stay."""
    worker.inbox.redis.rpush(KEYS.inbox(ONE), UNREADABLE)
    worker.accept(*submissions(1, "B1"))
    assert worker.drain() == (1, {}, 0, 0, 1, False)
    assert worker.waiting() == {ONE: 2}
