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
from tests.support.faults.programs.guard import Guard
from tests.support.faults.scenario import Scenario
from tests.support.faults.stepped_worker import SteppedWorker
from tradecapture.inbox import Completion, Hold
from tradecapture.inbox.keys import lane_keys

# A worker logs this when the token check refuses its completion.
LEASE_LOST = b"lease lost before completion"
LANE = lane_keys(0)
LONG_LEASE_SECONDS = 60.0
RENEWED_LEASE_SECONDS, LONG_TRANSACTION_SECONDS = 2.0, 3.0
# Long enough for several sweeps, which run every half second; a bell expires in the same time.
SWEEPS_SECONDS = 3.0


def test_without_the_token_check_a_late_complete_loses_trades(sqlite_scenario: Scenario) -> None:
    """A completion whose lease has expired removes no trades.

    Without the token check it removes as many trades as its worker has written. By then the inbox
    holds newer trades, which would be lost.
    """
    scenario = sqlite_scenario
    armed = scenario.start_worker("armed", Failpoint.BEFORE_COMPLETE)
    disarmed = scenario.start_worker("disarmed", Failpoint.BEFORE_COMPLETE, Guard.TOKEN)
    other = scenario.start_worker("other")
    scenario.begin()

    def steps(late: SteppedWorker, book: str) -> None:
        late.go()
        scenario.send(book, 2)
        late.until_stalled()
        other.go()
        scenario.until_nothing_waits()
        other.rest()
        scenario.send(book, 2)
        late.go()
        scenario.until_nothing_waits()
        late.rest()

    problems = scenario.twice(armed, disarmed, steps)
    assert LEASE_LOST in armed.log
    for number in (3, 4):
        assert any(line.startswith(f"lost: DISARMED-{number}, ") for line in problems), problems


def test_without_the_sweep_a_lost_bell_is_never_rung_again(sqlite_scenario: Scenario) -> None:
    """A trade that was accepted without a bell waits until a worker sweeps."""
    scenario = sqlite_scenario
    # The worker without the sweep runs first, so that no bell of an earlier run is left.
    disarmed, armed = (
        scenario.start_worker("disarmed", without=Guard.SWEEP),
        scenario.start_worker("armed"),
    )
    scenario.begin()
    disarmed.go()
    scenario.send("B1", 1, bell_lost=True)
    time.sleep(SWEEPS_SECONDS)
    assert "B1-1 should be CAPTURED, is None" in scenario.problems()
    armed.go()
    scenario.until_nothing_waits()
    assert scenario.problems() == []


def test_without_the_partition_lock_an_operator_is_overtaken(sqlite_scenario: Scenario) -> None:
    """A worker does not claim a partition that an operator has claimed.

    One operator claims a held partition, and another lifts the hold. Without the lock a worker
    takes over the claim, and the fence would refuse the first operator's command.
    """
    scenario = sqlite_scenario
    armed = scenario.start_worker("armed")
    disarmed = scenario.start_worker("disarmed", without=Guard.LOCK)
    scenario.begin()
    operator = scenario.deployment.gateway(lease_seconds=LONG_LEASE_SECONDS).inbox
    completed: list[bool] = []

    def steps(worker: SteppedWorker, book: str) -> None:
        partition = partition_of(book)
        operator.hold(partition, Hold.by_operator("ops", "look"))
        scenario.send(book, 1)
        claim = operator.claim_one(partition, "operator", max_trades=1)
        assert claim is not None
        operator.unhold(partition)
        worker.go()
        wait_for(
            "the worker has it, or finds it locked",
            lambda: (
                scenario.captured(book) == 1
                or scenario.gateway.redis.hexists(LANE.tries, partition)
            ),
        )
        completed.extend(operator.complete(0, claim.token, [Completion(partition, 0)]))
        scenario.until_nothing_waits()
        worker.rest()

    assert scenario.twice(armed, disarmed, steps) == []
    assert completed == [True, False]


def test_without_renewal_a_long_transaction_loses_its_lease(postgresql_scenario: Scenario) -> None:
    """A worker keeps its lease while a transaction takes longer than the lease.

    Without renewal the lease expires, and the worker's completion is refused although its trades
    are written.
    """
    scenario = postgresql_scenario
    seconds = RENEWED_LEASE_SECONDS
    armed = scenario.start_worker("armed", lease_seconds=seconds)
    disarmed = scenario.start_worker("disarmed", without=Guard.RENEWAL, lease_seconds=seconds)
    scenario.begin()

    def steps(worker: SteppedWorker, book: str) -> None:
        worker.go()
        scenario.send(book, 1)
        scenario.until_nothing_waits()
        with scenario.gateway.ledger.engine.begin() as slow:
            # The database would end this transaction after a lease: it is idle.
            slow.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            slow.execute(text("SELECT 1 FROM partitions FOR UPDATE"))
            scenario.send(book, 1)
            time.sleep(LONG_TRANSACTION_SECONDS)
        scenario.until_nothing_waits()
        worker.rest()

    assert scenario.twice(armed, disarmed, steps) == []
    assert LEASE_LOST not in armed.log
    assert LEASE_LOST in disarmed.log
