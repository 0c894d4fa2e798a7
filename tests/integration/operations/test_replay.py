"""Replay: parked and rejected trades are accepted again, at the end of their partitions, once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from tests.support.builders import ACCOUNT, numbered, submission, submissions
from tests.support.capture.operator import POISON, WHO, WHY, Operator
from tests.support.capture.worker import ONE, TWO, Worker, ids
from tests.support.inbox.redis_snapshot import everything
from tests.support.ledger.ledger_snapshot import exception_rows
from tests.support.ledger.operators import tables
from tradecapture.inbox import Inbox
from tradecapture.ledger import LedgerUnavailableError
from tradecapture.ledger.queries.operator_reader import ExceptionFilter
from tradecapture.operations import Replayed, ReplayState
from tradecapture.operations.action import Action
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.operations.replay import Replay
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome

READY, ACCEPTED, REPEATED = ReplayState.READY, ReplayState.ACCEPTED, ReplayState.REPEATED
LIMIT = 1000


def skip_poison(
    failing_worker: Worker, operator: Operator, trade_id: str = POISON, book: str = "B1"
) -> None:
    """Let a poisoned trade be parked between two others, and skip it."""
    failing_worker.accept(
        *submissions(1, book), submission(trade_id, book), *submissions(1, book, 2)
    )
    failing_worker.drain()
    assert operator.perform(Action.SKIP, submission("any", book).partition_key).done
    failing_worker.drain()


def reject(worker: Worker) -> None:
    """Let a trade be rejected because its number was passed."""
    worker.accept(numbered(1, "first", "B1"), numbered(1, "late", "B1"))
    worker.drain()


def plan(operator: Operator, **fields: Any) -> list[Replayed]:
    """Plan the replay of the trades that a filter finds."""
    rows = operator.reader.find_exceptions(ExceptionFilter(**fields), LIMIT)
    return operator.replay.plan(rows)


def states(replayed: list[Replayed]) -> list[tuple[str, ReplayState]]:
    """Return what became of each trade."""
    return [(each.row.trade_id, each.state) for each in replayed]


def run(operator: Operator, **fields: Any) -> list[tuple[str, ReplayState]]:
    """Replay the trades that a filter finds."""
    return states(operator.replay.run(plan(operator, **fields), WHO, WHY))


def test_a_parked_trade_is_captured_at_the_end(
    failing_worker: Worker, worker: Worker, operator: Operator
) -> None:
    """It gets a new position; the old row stays, so that the partition reconciles."""
    skip_poison(failing_worker, operator)
    before = exception_rows(worker.ledger)
    worker.inbox.clear_bell(0)
    assert run(operator) == [(POISON, ACCEPTED)]
    assert operator.bells() == 1
    assert worker.drain().outcomes == {Outcome.CAPTURED: 1}
    assert worker.captured() == {ONE: ["B1-1", "B1-2", POISON]}
    assert exception_rows(worker.ledger) == before
    worker.assert_all_is_accounted_for()


def test_a_trade_that_was_rejected_for_its_number_is_captured_late(
    worker: Worker, operator: Operator
) -> None:
    """It has no number then: its number is passed, and later numbers are captured as before."""
    reject(worker)
    assert run(operator) == [("late", ACCEPTED)]
    worker.accept(numbered(2, "second", "B1"))
    worker.drain()
    assert worker.captured() == {ONE: ["first", "late", "second"]}
    row = worker.reader.trade("late")
    assert row is not None
    assert row.sequence_number is None
    worker.assert_all_is_accounted_for()


def test_the_same_replay_twice_is_one(worker: Worker, operator: Operator) -> None:
    """Whether the first still waits, or is captured, or its plan is run again."""
    reject(worker)
    planned = plan(operator)
    assert states(operator.replay.run(planned, WHO, WHY)) == [("late", ACCEPTED)]
    assert run(operator) == [("late", REPEATED)]
    worker.drain()
    assert run(operator) == [("late", ReplayState.CAPTURED)]
    assert states(operator.replay.run(planned, WHO, WHY)) == [("late", REPEATED)]
    assert worker.drain().outcomes == {}
    assert worker.captured() == {ONE: ["first", "late"]}
    worker.assert_all_is_accounted_for()


def test_a_replay_that_redis_has_forgotten_is_a_duplicate(
    worker: Worker, operator: Operator
) -> None:
    """The ledger has the id, as for any resend after the idempotency window: one effect."""
    reject(worker)
    planned = plan(operator)
    operator.replay.run(planned, WHO, WHY)
    worker.drain()
    worker.inbox.redis.flushall()
    assert states(operator.replay.run(planned, WHO, WHY)) == [("late", ACCEPTED)]
    assert worker.drain().outcomes == {Outcome.DUPLICATE: 1}
    assert worker.captured() == {ONE: ["first", "late"]}


def test_a_replay_that_was_lost_with_redis_is_accepted_again(
    worker: Worker, operator: Operator
) -> None:
    """It waited only there; it is replayed from its old row."""
    reject(worker)
    run(operator)
    worker.inbox.redis.flushall()
    assert run(operator) == [("late", ACCEPTED)]
    worker.drain()
    assert worker.captured() == {ONE: ["first", "late"]}


def test_a_plan_changes_nothing(worker: Worker, operator: Operator) -> None:
    """A plan is the dry run: neither a key nor a table changes."""
    reject(worker)
    before = everything(worker.inbox.redis), tables(worker.ledger)
    assert states(plan(operator)) == [("late", READY)]
    assert (everything(worker.inbox.redis), tables(worker.ledger)) == before


def test_many_are_replayed_in_the_order_of_their_acceptance(
    failing_worker: Worker, worker: Worker, operator: Operator
) -> None:
    """Each partition keeps its order, and each trade is audited."""
    for name in ("poison-b", "poison-a", "poison-c"):
        skip_poison_alone(failing_worker, operator, name, "B1")
    skip_poison_alone(failing_worker, operator, "poison-d", "B2")
    in_order = ["poison-b", "poison-a", "poison-c", "poison-d"]
    assert run(operator) == [(name, ACCEPTED) for name in in_order]
    assert worker.drain().outcomes == {Outcome.CAPTURED: 4}
    assert worker.captured() == {ONE: in_order[:3], TWO: in_order[3:]}
    audited = [row for row in operator.audit_rows() if row.action == "replay"]
    assert [row.trade_id for row in audited] == in_order
    assert {(row.who, row.why) for row in audited} == {(WHO, WHY)}
    assert [row.position for row in audited] == [1, 2, 3, 1]
    worker.assert_all_is_accounted_for()


def skip_poison_alone(failing_worker: Worker, operator: Operator, trade_id: str, book: str) -> None:
    """Let a poisoned trade be parked, and skip it."""
    sent = submission(trade_id, book)
    failing_worker.accept(sent)
    failing_worker.drain()
    assert operator.perform(Action.SKIP, sent.partition_key).done


def test_a_filter_finds_the_trades_that_fit(failing_worker: Worker, operator: Operator) -> None:
    """Id, outcome, partition, account, time and reason: all that are given must fit."""
    skip_poison_alone(failing_worker, operator, "poison-1", "B1")
    skip_poison_alone(failing_worker, operator, "poison-2", "B2")
    reject(failing_worker)
    now = datetime.now(UTC)
    soon, before = now + timedelta(hours=1), now - timedelta(hours=1)

    def found(**fields: Any) -> list[str]:
        return [each.row.trade_id for each in plan(operator, **fields)]

    assert found() == ["poison-1", "late", "poison-2"]
    assert found(trade_ids=["late", "poison-2", "unknown"]) == ["late", "poison-2"]
    assert found(outcomes=[Outcome.PARKED]) == ["poison-1", "poison-2"]
    assert found(partition_key=ONE) == ["poison-1", "late"]
    assert found(account_id=ACCOUNT, outcomes=[Outcome.REJECTED]) == ["late"]
    assert found(account_id="ACC%") == []
    assert (found(since=soon), found(until=before)) == ([], [])
    assert len(found(since=before, until=soon)) == 3
    assert found(reason="was passed") == ["late"]
    assert found(reason="%") == []
    assert len(operator.reader.find_exceptions(ExceptionFilter(), 2)) == 2


def test_a_halting_trade_is_not_replayed(failing_worker: Worker, operator: Operator) -> None:
    """It is retried at its own position: no later trade was captured."""
    failing_worker.accept(submission(POISON, "B1"))
    failing_worker.drain()
    before = everything(failing_worker.inbox.redis)
    assert run(operator) == [(POISON, ReplayState.HALTS)]
    assert everything(failing_worker.inbox.redis) == before


def test_a_trade_that_was_parked_again_is_replayed_from_its_newest_row(
    failing_worker: Worker, worker: Worker, operator: Operator
) -> None:
    """Its older rows are superseded, and the next replay is a new one."""
    skip_poison(failing_worker, operator)
    run(operator)
    failing_worker.drain()
    assert states(plan(operator)) == [
        (POISON, ReplayState.SUPERSEDED),
        (POISON, ReplayState.HALTS),
    ]
    operator.perform(Action.SKIP)
    assert run(operator) == [(POISON, ReplayState.SUPERSEDED), (POISON, ACCEPTED)]
    worker.drain()
    assert worker.captured() == {ONE: ["B1-1", "B1-2", POISON]}
    worker.assert_all_is_accounted_for()


def test_a_replay_that_halts_is_retried_as_a_replay(
    failing_worker: Worker, worker: Worker, operator: Operator
) -> None:
    """Its number is passed, and yet it is captured."""
    failing_worker.accept(numbered(1, POISON, "B1"), numbered(2, "N-2", "B1"))
    failing_worker.drain()
    operator.perform(Action.SKIP)
    failing_worker.drain()
    run(operator)
    failing_worker.drain()
    assert operator.perform(Action.RETRY).outcome is Outcome.CAPTURED
    worker.drain()
    assert worker.captured() == {ONE: ["N-2", POISON]}
    worker.assert_all_is_accounted_for()


def test_a_trade_whose_id_another_trade_has_is_not_replayed(
    worker: Worker, operator: Operator
) -> None:
    """It must be submitted under a new id."""
    worker.accept(submission("T-1", "B1"))
    worker.drain()
    worker.inbox.redis.flushall()
    worker.accept(submission("T-1", "B2"))
    assert worker.drain().outcomes == {Outcome.REJECTED: 1}
    assert run(operator) == [("T-1", ReplayState.CONFLICT)]
    assert worker.waiting() == {}


def test_a_replay_ahead_of_its_number_waits(worker: Worker, operator: Operator) -> None:
    """A replay of a trade that was too far ahead is buffered, and captured when it is the next."""
    worker.accept(numbered(102, "far", "B1"), numbered(1, "N-1", "B1"))
    assert worker.drain().outcomes == {Outcome.REJECTED: 1, Outcome.CAPTURED: 1}
    worker.accept(numbered(2, "N-2", "B1"))
    run(operator)
    assert worker.drain().outcomes == {Outcome.CAPTURED: 1, Outcome.BUFFERED: 1}
    worker.accept(*(numbered(n, f"N-{n}", "B1") for n in range(3, 102)))
    worker.drain()
    assert worker.captured() == {ONE: [*(f"N-{n}" for n in range(1, 102)), "far"]}
    worker.assert_all_is_accounted_for()


def test_a_replay_into_a_held_partition_waits(
    failing_worker: Worker, worker: Worker, operator: Operator
) -> None:
    """It waits like any trade that is accepted there."""
    skip_poison(failing_worker, operator)
    operator.perform(Action.PAUSE)
    assert run(operator) == [(POISON, ACCEPTED)]
    assert worker.drain().outcomes == {}
    operator.perform(Action.RESUME)
    worker.drain()
    assert worker.captured() == {ONE: [*ids("B1", 2), POISON]}


def test_a_replay_that_is_not_accepted_says_why(
    worker: Worker, operator: Operator, redis: "Redis", ledger_settings: Settings
) -> None:
    """A full inbox refuses replays, too; the same replay later works."""
    reject(worker)
    worker.accept(*submissions(1, "B1"))
    full = Settings(
        redis_url=ledger_settings.redis_url,
        database_url=ledger_settings.database_url,
        lanes=1,
        limit_partition=1,
    )
    replay = Replay(Inbox(redis, full), operator.reader, operator.ledger, operator.replay._bell)
    (replayed,) = replay.run(plan(operator), WHO, WHY)
    assert replayed.state is ReplayState.REFUSED
    assert replayed.message != ""
    worker.drain()
    assert run(operator) == [("late", ACCEPTED)]


def test_a_replay_that_cannot_be_audited_is_not_done(
    worker: Worker, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit is written first."""
    reject(worker)
    planned = plan(operator)

    def unavailable(_self: OperatorLedger, _rows: object) -> None:
        raise LedgerUnavailableError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(OperatorLedger, "audit", unavailable)
        with pytest.raises(LedgerUnavailableError):
            operator.replay.run(planned, WHO, WHY)
    assert worker.waiting() == {}
    assert states(operator.replay.run(planned, WHO, WHY)) == [("late", ACCEPTED)]
