"""Each safety guard of the ledger is needed: without it the fault that it prevents does its harm.

Each test runs the same steps twice with real workers. With all guards every invariant holds. With
one guard switched off (see `unguarded_worker.py`), the check of the invariants finds the harm that
this guard prevents. `test_inbox_guards.py` and `test_acceptance_guards.py` test the other guards.
"""

from sqlalchemy import text

from tests.support.builders import partition_of
from tests.support.deployment.completion import wait_for
from tests.support.faults.programs.failpoint import Failpoint
from tests.support.faults.programs.guard import Device
from tests.support.faults.scenario import Scene
from tests.support.faults.stepped_worker import Actor
from tradecapture.ledger.dialects import READ_ONLY

STALE = b"stale=1"  # a worker logs this when the fence refuses a partition
WAITING_FOR_LOCKS = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


def test_without_the_fence_a_late_park_doubles_a_trade(scene: Scene) -> None:
    """A stalled worker cannot park a trade that another worker has captured.

    The stalled worker wants to park the trade because its own host could not capture it.
    """
    armed = scene.cast("armed", Failpoint.BEFORE_PARK)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_PARK, Device.FENCE)
    other = scene.cast("other")
    scene.begin()

    def steps(late: Actor, book: str) -> None:
        late.go()
        scene.send(book, 1)
        late.until_stalled()
        other.go()
        scene.until_nothing_waits()
        other.rest()
        late.go().until_answered()
        late.rest()

    problems = scene.twice(armed, disarmed, steps)
    assert STALE in armed.log
    assert any(line.startswith("doubled: DISARMED-1, ") for line in problems), problems


def test_without_the_fence_a_late_write_comes_after_a_newer_epoch(scene: Scene) -> None:
    """A stalled worker cannot write trades of an epoch after those of a newer one.

    It stalls with its claim, Redis is emptied, and another worker captures newer trades.
    """
    armed = scene.cast("armed", Failpoint.BEFORE_TRANSACTION)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_TRANSACTION, Device.FENCE)
    other = scene.cast("other")
    scene.begin()

    def steps(late: Actor, book: str) -> None:
        late.go()
        scene.send(book, 2, answers_lost=True)
        late.until_stalled()
        scene.gateway.redis.flushall()
        other.go()
        scene.send(book, 2)
        scene.until_nothing_waits()
        other.rest()
        late.go().until_answered()
        late.rest()

    problems = scene.twice(armed, disarmed, steps)
    assert STALE in armed.log
    assert any(line.startswith("reordered: DISARMED-1, ") for line in problems), problems


def test_without_the_row_lock_a_late_write_takes_back_another(postgresql_scene: Scene) -> None:
    """A stalled worker cannot overwrite a partition's row that another worker has updated.

    The stalled worker reads the row, the other worker updates it, and the stalled worker reads the
    trades. Neither the fence nor the deduplication detects this: the row was read before the
    update, and the trades after it.
    """
    scene = postgresql_scene
    armed = scene.cast("armed", Failpoint.BEFORE_READS)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_READS, Device.ROW_LOCK)
    other = scene.cast("other")
    scene.begin()

    def steps(late: Actor, book: str) -> None:
        _stall_after_the_row_was_read(scene, late, other, book)
        other.go()
        wait_for(
            "another has written, or waits for the row",
            lambda: scene.captured(book) == 3 or _waits_for_a_lock(scene),
        )
        late.go().until_answered()
        scene.until_nothing_waits()
        late.rest()
        other.rest()

    problems = scene.twice(armed, disarmed, steps)
    assert f"lost: {partition_of('DISARMED')}, its row counts 1 of 3 trades" in problems


def test_sqlite_refuses_a_late_write_also_without_its_lock(sqlite_scene: Scene) -> None:
    """SQLite refuses a write after another transaction has changed what the writer read.

    BEGIN IMMEDIATE therefore only saves a futile attempt.
    """
    scene = sqlite_scene
    late = scene.cast("late", Failpoint.BEFORE_READS, Device.ROW_LOCK)
    other = scene.cast("other")
    scene.begin()
    _stall_after_the_row_was_read(scene, late, other, "B1")
    other.go()
    scene.until_nothing_waits()
    late.go().until_answered()
    assert scene.problems() == []
    assert b"database is locked" in late.log


def test_without_dedupe_a_redelivered_trade_is_parked_too(scene: Scene) -> None:
    """A trade that is claimed again after its capture is neither captured again nor parked.

    Its first worker stalls between commit and completion. Without deduplication the primary key
    still prevents a second capture, but the error makes the trade look poisoned. It is parked, and
    its partition is halted.
    """
    stalling = scene.cast("stalling", Failpoint.BEFORE_SETTLE)
    armed = scene.cast("armed")
    disarmed = scene.cast("disarmed", without=Device.DEDUPE)
    scene.begin()

    def steps(other: Actor, book: str) -> None:
        stalling.go()
        scene.send(book, 2)
        stalling.until_stalled()
        other.go()
        wait_for("the next one is done", lambda: scene.waiting(book) == 0)
        stalling.go().until_answered()
        stalling.rest()
        stalling.may_stall_again()
        other.rest()

    problems = scene.twice(armed, disarmed, steps)
    assert any(line.startswith("doubled: DISARMED-1, ") for line in problems), problems


def test_without_commit_first_a_dead_worker_loses_trades(scene: Scene) -> None:
    """A worker that dies within its transaction loses no trades.

    If trades left the inbox before the commit, they would be neither there nor in the ledger.
    """
    armed = scene.cast("armed", Failpoint.BEFORE_COMMIT)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_COMMIT, Device.COMMIT_FIRST)
    other = scene.cast("other")
    scene.begin()

    def steps(dying: Actor, book: str) -> None:
        dying.go()
        scene.send(book, 2)
        dying.until_stalled()
        dying.kill()
        other.go()
        scene.until_nothing_waits()
        other.rest()

    problems = scene.twice(armed, disarmed, steps)
    for number in (1, 2):
        assert any(line.startswith(f"lost: DISARMED-{number}, ") for line in problems), problems


def _stall_after_the_row_was_read(scene: Scene, late: Actor, other: Actor, book: str) -> None:
    """Let `other` capture one trade, which creates the row, and let `late` claim two more."""
    other.go()
    scene.send(book, 1)
    scene.until_nothing_waits()
    other.rest()
    late.go()
    scene.send(book, 2)
    late.until_stalled()


def _waits_for_a_lock(scene: Scene) -> bool:
    connect = scene.gateway.ledger.engine.connect
    with connect().execution_options(**{READ_ONLY: True}) as connection:
        return bool(connection.execute(WAITING_FOR_LOCKS).scalar_one())
