"""The inbox's safety devices matter: without each, the fault that it is there for does its harm.

Told twice, as in `test_devices.py`. The partition lock and the lease renewal keep work from being
done twice, and an operator from being overtaken: without them the ledger's devices must, and do,
keep the account clean.
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

LEASE_LOST = b"lease lost before completion"  # in a worker's log: the token has refused its settle
LANE = lane_keys(0)
LONG_LEASE_SECONDS = 60.0
RENEWED_LEASE_SECONDS, LONG_TRANSACTION_SECONDS = 2.0, 3.0
SWEEPS_SECONDS = 3.0  # the sweep looks every half second, and a bell counts for as long


def test_without_settles_token_check_a_late_settle_loses_trades(sqlite_scene: Scene) -> None:
    """It would remove as many trades as its worker has written, whichever stand there by now."""
    scene = sqlite_scene
    armed = scene.cast("armed", Failpoint.BEFORE_SETTLE)
    disarmed = scene.cast("disarmed", Failpoint.BEFORE_SETTLE, Device.TOKEN)
    other = scene.cast("other")
    scene.begin()

    def story(late: Actor, book: str) -> None:
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

    found = scene.twice(armed, disarmed, story)
    assert LEASE_LOST in armed.log
    for number in (3, 4):
        assert any(line.startswith(f"lost: DISARMED-{number}, ") for line in found), found


def test_without_the_sweep_a_lost_bell_is_never_rung_again(sqlite_scene: Scene) -> None:
    """Whoever accepted a trade died before it rang: it waits until a worker sweeps."""
    scene = sqlite_scene
    # In this order: no worker may have a bell left from before.
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
    """One operator has a held partition in hand, another resumes it: workers have to wait.

    Without it a worker takes it from the operator, whose command the fence would refuse.
    """
    scene = sqlite_scene
    armed = scene.cast("armed")
    disarmed = scene.cast("disarmed", without=Device.LOCK)
    scene.begin()
    operator = scene.deployment.gateway(lease_seconds=LONG_LEASE_SECONDS).inbox
    settled: list[bool] = []

    def story(worker: Actor, book: str) -> None:
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
        settled.extend(operator.complete(0, claim.token, [Completion(partition, 0)]))
        scene.until_nothing_waits()
        worker.rest()

    assert scene.twice(armed, disarmed, story) == []
    assert settled == [True, False]


def test_without_renewal_a_long_transaction_loses_its_lease(postgresql_scene: Scene) -> None:
    """The database is slower than a lease is long: what was written is claimed once more."""
    scene = postgresql_scene
    seconds = RENEWED_LEASE_SECONDS
    armed = scene.cast("armed", lease_seconds=seconds)
    disarmed = scene.cast("disarmed", without=Device.RENEWAL, lease_seconds=seconds)
    scene.begin()

    def story(worker: Actor, book: str) -> None:
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

    assert scene.twice(armed, disarmed, story) == []
    assert LEASE_LOST not in armed.log
    assert LEASE_LOST in disarmed.log
