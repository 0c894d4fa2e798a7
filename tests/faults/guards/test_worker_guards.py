"""The ledger's safety devices matter: without each, the fault that it is there for does its harm.

Every story is told twice, step by step, with real workers: with all devices the account is clean;
without one of them the account finds what that device prevents. `test_inbox_devices.py` and
`test_acceptance_devices.py` do the same for the others. `disarmed_worker.py` switches them off.
"""

from sqlalchemy import text

from tests.support.builders import partition_of
from tests.support.deployment.completion import wait_for
from tests.support.faults.programs.failpoint import Failpoint
from tests.support.faults.programs.guard import Device
from tests.support.faults.scenario import Scene
from tests.support.faults.stepped_worker import Actor
from tradecapture.ledger.dialects import READ_ONLY

STALE = b"stale=1"  # in a worker's log: the fence has refused a partition
WAITING_FOR_LOCKS = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


def test_without_the_fence_a_late_park_doubles_a_trade(scene: Scene) -> None:
    """What only a stalled worker's host could not capture, another has: too late to park it."""
    armed = scene.cast("armed", Failpoint.BEFORE_PARK)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_PARK, Device.FENCE)
    other = scene.cast("other")
    scene.begin()

    def story(late: Actor, book: str) -> None:
        late.go()
        scene.send(book, 1)
        late.until_stalled()
        other.go()
        scene.until_nothing_waits()
        other.rest()
        late.go().until_answered()
        late.rest()

    found = scene.twice(armed, disarmed, story)
    assert STALE in armed.log
    assert any(line.startswith("doubled: DISARMED-1, ") for line in found), found


def test_without_the_fence_a_late_write_comes_after_a_newer_epoch(scene: Scene) -> None:
    """Redis was emptied and newer trades are captured: older ones must not follow them."""
    armed = scene.cast("armed", Failpoint.BEFORE_TRANSACTION)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_TRANSACTION, Device.FENCE)
    other = scene.cast("other")
    scene.begin()

    def story(late: Actor, book: str) -> None:
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

    found = scene.twice(armed, disarmed, story)
    assert STALE in armed.log
    assert any(line.startswith("reordered: DISARMED-1, ") for line in found), found


def test_without_the_row_lock_a_late_write_takes_back_another(postgresql_scene: Scene) -> None:
    """A worker has read a partition's row, another writes it, the first one writes what it read.

    Neither fence nor dedupe sees it: the row was read before the other wrote, the trades after.
    """
    scene = postgresql_scene
    armed = scene.cast("armed", Failpoint.BEFORE_READS)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_READS, Device.ROW_LOCK)
    other = scene.cast("other")
    scene.begin()

    def story(late: Actor, book: str) -> None:
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

    found = scene.twice(armed, disarmed, story)
    assert f"lost: {partition_of('DISARMED')}, its row counts 1 of 3 trades" in found


def test_sqlite_refuses_a_late_write_also_without_its_lock(sqlite_scene: Scene) -> None:
    """BEGIN IMMEDIATE only spares it the attempt: SQLite lets nobody write over what it read."""
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
    """Its worker stalled between commit and settle, and it is in the ledger already.

    The primary key keeps it from being captured twice, but then it looks like a poisoned trade:
    it is parked, and its partition halted.
    """
    stalling = scene.cast("stalling", Failpoint.BEFORE_SETTLE)
    armed = scene.cast("armed")
    disarmed = scene.cast("disarmed", without=Device.DEDUPE)
    scene.begin()

    def story(next_one: Actor, book: str) -> None:
        stalling.go()
        scene.send(book, 2)
        stalling.until_stalled()
        next_one.go()
        wait_for("the next one is done", lambda: scene.waiting(book) == 0)
        stalling.go().until_answered()
        stalling.rest()
        stalling.may_stall_again()
        next_one.rest()

    found = scene.twice(armed, disarmed, story)
    assert any(line.startswith("doubled: DISARMED-1, ") for line in found), found


def test_without_commit_first_a_dead_worker_loses_trades(scene: Scene) -> None:
    """It dies within its transaction: what had left the inbox by then would be nowhere."""
    armed = scene.cast("armed", Failpoint.BEFORE_COMMIT)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_COMMIT, Device.COMMIT_FIRST)
    other = scene.cast("other")
    scene.begin()

    def story(dying: Actor, book: str) -> None:
        dying.go()
        scene.send(book, 2)
        dying.until_stalled()
        dying.kill()
        other.go()
        scene.until_nothing_waits()
        other.rest()

    found = scene.twice(armed, disarmed, story)
    for number in (1, 2):
        assert any(line.startswith(f"lost: DISARMED-{number}, ") for line in found), found


def _stall_after_the_row_was_read(scene: Scene, late: Actor, other: Actor, book: str) -> None:
    """Have one trade captured, so that the row is there, and two more claimed."""
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
