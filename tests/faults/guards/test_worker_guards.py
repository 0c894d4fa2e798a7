"""Each safety guard of the ledger is needed: without it the fault that it prevents does its harm.

Each test runs the same steps twice with real workers. With all guards every invariant holds. With
one guard switched off (see `unguarded_worker.py`), the check of the invariants finds the harm that
this guard prevents. `test_inbox_guards.py` and `test_acceptance_guards.py` test the other guards.
"""

from sqlalchemy import text

from tests.support.builders import partition_of
from tests.support.deployment.completion import wait_for
from tests.support.faults.programs.failpoint import Failpoint
from tests.support.faults.programs.guard import Guard
from tests.support.faults.scenario import Scenario
from tests.support.faults.stepped_worker import SteppedWorker
from tradecapture.ledger.dialects import READ_ONLY

STALE = b"stale=1"  # a worker logs this when the fence refuses a partition
WAITING_FOR_LOCKS = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


def test_without_the_fence_a_late_park_doubles_a_trade(scenario: Scenario) -> None:
    """A stalled worker cannot park a trade that another worker has captured.

    The stalled worker wants to park the trade because its own host could not capture it.
    """
    armed = scenario.start_worker("armed", Failpoint.BEFORE_PARK)
    disarmed = scenario.start_worker("disarmed", Failpoint.BEFORE_PARK, Guard.FENCE)
    other = scenario.start_worker("other")
    scenario.begin()

    def steps(late: SteppedWorker, book: str) -> None:
        late.go()
        scenario.send(book, 1)
        late.until_stalled()
        other.go()
        scenario.until_nothing_waits()
        other.rest()
        late.go().until_answered()
        late.rest()

    problems = scenario.twice(armed, disarmed, steps)
    assert STALE in armed.log
    assert any(line.startswith("doubled: DISARMED-1, ") for line in problems), problems


def test_without_the_fence_a_late_write_comes_after_a_newer_epoch(scenario: Scenario) -> None:
    """A stalled worker cannot write trades of an epoch after those of a newer one.

    It stalls with its claim, Redis is emptied, and another worker captures newer trades.
    """
    armed = scenario.start_worker("armed", Failpoint.BEFORE_TRANSACTION)
    disarmed = scenario.start_worker("disarmed", Failpoint.BEFORE_TRANSACTION, Guard.FENCE)
    other = scenario.start_worker("other")
    scenario.begin()

    def steps(late: SteppedWorker, book: str) -> None:
        late.go()
        scenario.send(book, 2, answers_lost=True)
        late.until_stalled()
        scenario.gateway.redis.flushall()
        other.go()
        scenario.send(book, 2)
        scenario.until_nothing_waits()
        other.rest()
        late.go().until_answered()
        late.rest()

    problems = scenario.twice(armed, disarmed, steps)
    assert STALE in armed.log
    assert any(line.startswith("reordered: DISARMED-1, ") for line in problems), problems


def test_without_the_row_lock_a_late_write_takes_back_another(
    postgresql_scenario: Scenario,
) -> None:
    """A stalled worker cannot overwrite a partition's row that another worker has updated.

    The stalled worker reads the row, the other worker updates it, and the stalled worker reads the
    trades. Neither the fence nor the deduplication detects this: the row was read before the
    update, and the trades after it.
    """
    scenario = postgresql_scenario
    armed = scenario.start_worker("armed", Failpoint.BEFORE_READS)
    disarmed = scenario.start_worker("disarmed", Failpoint.BEFORE_READS, Guard.ROW_LOCK)
    other = scenario.start_worker("other")
    scenario.begin()

    def steps(late: SteppedWorker, book: str) -> None:
        _stall_after_the_row_was_read(scenario, late, other, book)
        other.go()
        wait_for(
            "another has written, or waits for the row",
            lambda: scenario.captured(book) == 3 or _waits_for_a_lock(scenario),
        )
        late.go().until_answered()
        scenario.until_nothing_waits()
        late.rest()
        other.rest()

    problems = scenario.twice(armed, disarmed, steps)
    assert f"lost: {partition_of('DISARMED')}, its row counts 1 of 3 trades" in problems


def test_sqlite_refuses_a_late_write_also_without_its_lock(sqlite_scenario: Scenario) -> None:
    """SQLite refuses a write after another transaction has changed what the writer read.

    BEGIN IMMEDIATE therefore only saves a futile attempt.
    """
    scenario = sqlite_scenario
    late = scenario.start_worker("late", Failpoint.BEFORE_READS, Guard.ROW_LOCK)
    other = scenario.start_worker("other")
    scenario.begin()
    _stall_after_the_row_was_read(scenario, late, other, "B1")
    other.go()
    scenario.until_nothing_waits()
    late.go().until_answered()
    assert scenario.problems() == []
    assert b"database is locked" in late.log


def test_without_dedupe_a_redelivered_trade_is_parked_too(scenario: Scenario) -> None:
    """A trade that is claimed again after its capture is neither captured again nor parked.

    Its first worker stalls between commit and completion. Without deduplication the primary key
    still prevents a second capture, but the error makes the trade look poisoned. It is parked, and
    its partition is halted.
    """
    stalling = scenario.start_worker("stalling", Failpoint.BEFORE_COMPLETE)
    armed = scenario.start_worker("armed")
    disarmed = scenario.start_worker("disarmed", without=Guard.DEDUPE)
    scenario.begin()

    def steps(other: SteppedWorker, book: str) -> None:
        stalling.go()
        scenario.send(book, 2)
        stalling.until_stalled()
        other.go()
        wait_for("the next one is done", lambda: scenario.waiting(book) == 0)
        stalling.go().until_answered()
        stalling.rest()
        stalling.may_stall_again()
        other.rest()

    problems = scenario.twice(armed, disarmed, steps)
    assert any(line.startswith("doubled: DISARMED-1, ") for line in problems), problems


def test_without_commit_first_a_dead_worker_loses_trades(scenario: Scenario) -> None:
    """A worker that dies within its transaction loses no trades.

    If trades left the inbox before the commit, they would be neither there nor in the ledger.
    """
    armed = scenario.start_worker("armed", Failpoint.BEFORE_COMMIT)
    disarmed = scenario.start_worker("disarmed", Failpoint.BEFORE_COMMIT, Guard.COMMIT_FIRST)
    other = scenario.start_worker("other")
    scenario.begin()

    def steps(dying: SteppedWorker, book: str) -> None:
        dying.go()
        scenario.send(book, 2)
        dying.until_stalled()
        dying.kill()
        other.go()
        scenario.until_nothing_waits()
        other.rest()

    problems = scenario.twice(armed, disarmed, steps)
    for number in (1, 2):
        assert any(line.startswith(f"lost: DISARMED-{number}, ") for line in problems), problems


def _stall_after_the_row_was_read(
    scenario: Scenario, late: SteppedWorker, other: SteppedWorker, book: str
) -> None:
    """Let `other` capture one trade, which creates the row, and let `late` claim two more."""
    other.go()
    scenario.send(book, 1)
    scenario.until_nothing_waits()
    other.rest()
    late.go()
    scenario.send(book, 2)
    late.until_stalled()


def _waits_for_a_lock(scenario: Scenario) -> bool:
    connect = scenario.gateway.ledger.engine.connect
    with connect().execution_options(**{READ_ONLY: True}) as connection:
        return bool(connection.execute(WAITING_FOR_LOCKS).scalar_one())
