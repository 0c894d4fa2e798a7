"""Each safety guard of the inbox is needed: without it the fault that it prevents does its harm.

Each test runs its steps with the guard and without it, as in `test_worker_guards.py`. The partition
lock and the lease renewal only prevent duplicate work and protect an operator's claim. Without
them the ledger's guards still keep all invariants.
"""

import time

from sqlalchemy import text

from tests.support.builders import partition_of
from tests.support.deployment.completion import wait_for
from tests.support.faults.programs.failpoint import Failpoint
from tests.support.faults.programs.guard import Device
from tests.support.faults.scenario import Scene
from tests.support.faults.stepped_worker import Actor
from tradecapture.inbox import Completion, Hold
from tradecapture.inbox.keys import lane_keys

# A worker logs this when the token check refuses its completion.
LEASE_LOST = b"lease lost before completion"
LANE = lane_keys(0)
LONG_LEASE_SECONDS = 60.0
RENEWED_LEASE_SECONDS, LONG_TRANSACTION_SECONDS = 2.0, 3.0
# Long enough for several sweeps, which run every half second; a bell expires in the same time.
SWEEPS_SECONDS = 3.0


def test_without_settles_token_check_a_late_settle_loses_trades(sqlite_scene: Scene) -> None:
    """A completion whose lease has expired removes no trades.

    Without the token check it removes as many trades as its worker has written. By then the inbox
    holds newer trades, which would be lost.
    """
    scene = sqlite_scene
    armed = scene.cast("armed", Failpoint.BEFORE_SETTLE)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_SETTLE, Device.TOKEN)
    other = scene.cast("other")
    scene.begin()

    def steps(late: Actor, book: str) -> None:
        late.go()
        scene.send(book, 2)
        late.until_stalled()
        other.go()
        scene.until_nothing_waits()
        other.rest()
        scene.send(book, 2)
        late.go()
        scene.until_nothing_waits()
        late.rest()

    problems = scene.twice(armed, disarmed, steps)
    assert LEASE_LOST in armed.log
    for number in (3, 4):
        assert any(line.startswith(f"lost: DISARMED-{number}, ") for line in problems), problems


def test_without_the_sweep_a_lost_bell_is_never_rung_again(sqlite_scene: Scene) -> None:
    """A trade that was accepted without a bell waits until a worker sweeps."""
    scene = sqlite_scene
    # The worker without the sweep runs first, so that no bell of an earlier run is left.
    disarmed, armed = scene.cast("disarmed", without=Device.SWEEP), scene.cast("armed")
    scene.begin()
    disarmed.go()
    scene.send("B1", 1, bell_lost=True)
    time.sleep(SWEEPS_SECONDS)
    assert "B1-1 should be CAPTURED, is None" in scene.problems()
    armed.go()
    scene.until_nothing_waits()
    assert scene.problems() == []


def test_without_the_partition_lock_an_operator_is_overtaken(sqlite_scene: Scene) -> None:
    """A worker does not claim a partition that an operator has claimed.

    One operator claims a held partition, and another lifts the hold. Without the lock a worker
    takes over the claim, and the fence would refuse the first operator's command.
    """
    scene = sqlite_scene
    armed = scene.cast("armed")
    disarmed = scene.cast("disarmed", without=Device.LOCK)
    scene.begin()
    operator = scene.deployment.gateway(lease_seconds=LONG_LEASE_SECONDS).inbox
    completed: list[bool] = []

    def steps(worker: Actor, book: str) -> None:
        partition = partition_of(book)
        operator.hold(partition, Hold.by_operator("ops", "look"))
        scene.send(book, 1)
        claim = operator.claim_one(partition, "operator", max_trades=1)
        assert claim is not None
        operator.unhold(partition)
        worker.go()
        wait_for(
            "the worker has it, or finds it locked",
            lambda: scene.captured(book) == 1 or scene.gateway.redis.hexists(LANE.tries, partition),
        )
        completed.extend(operator.complete(0, claim.token, [Completion(partition, 0)]))
        scene.until_nothing_waits()
        worker.rest()

    assert scene.twice(armed, disarmed, steps) == []
    assert completed == [True, False]


def test_without_renewal_a_long_transaction_loses_its_lease(postgresql_scene: Scene) -> None:
    """A worker keeps its lease while a transaction takes longer than the lease.

    Without renewal the lease expires, and the worker's completion is refused although its trades
    are written.
    """
    scene = postgresql_scene
    seconds = RENEWED_LEASE_SECONDS
    armed = scene.cast("armed", lease_seconds=seconds)
    disarmed = scene.cast("disarmed", without=Device.RENEWAL, lease_seconds=seconds)
    scene.begin()

    def steps(worker: Actor, book: str) -> None:
        worker.go()
        scene.send(book, 1)
        scene.until_nothing_waits()
        with scene.gateway.ledger.engine.begin() as slow:
            # The database would end this transaction after a lease: it is idle.
            slow.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            slow.execute(text("SELECT 1 FROM partitions FOR UPDATE"))
            scene.send(book, 1)
            time.sleep(LONG_TRANSACTION_SECONDS)
        scene.until_nothing_waits()
        worker.rest()

    assert scene.twice(armed, disarmed, steps) == []
    assert LEASE_LOST not in armed.log
    assert LEASE_LOST in disarmed.log
