"""No clock that jumps can lose, repeat or misdate a capture.

- Redis's clock decides leases, fencing tokens, what is due, and the times of acceptance and
  capture.
- The monotonic clock, which never jumps, decides time budgets, retries, sweeps and lease renewals.
- A worker's wall clock decides Celery's events and logs, and when kombu redelivers unacknowledged
  bells. A bell too many or too late does no harm.
"""

import re
import time
from datetime import UTC, datetime, timedelta

from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_gateway
from tests.support.history.history import History
from tradecapture.inbox.keys import lane_keys

HOUR_US = 3_600_000_000
LOAD_SECONDS = 5.0  # about fifty jumps
SLACK = timedelta(seconds=1)  # for rounding between the clocks of Redis and of this process


def test_an_hours_jumps_of_a_workers_clock_do_not_matter(
    deployment: Deployment, history: History
) -> None:
    """A worker whose clock jumps by an hour ten times a second captures all, at the right time."""
    jumping = deployment.start_worker(
        "jumping",
        concurrency=2,
        app="tests.support.faults.programs.jumping_worker",
        lease_seconds=1,
    ).wait_ready()
    sender = of_gateway(deployment.gateway())
    started = datetime.now(UTC)
    with Traffic(history, sender, trades_a_call=10, trades_a_second=500) as traffic:
        time.sleep(LOAD_SECONDS)
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    log = jumping.log.read_bytes()
    assert log.count(b"clock jumped") > LOAD_SECONDS * 10
    assert not re.search(rb"stale=[^0]|lease lost|Traceback", log)
    captured_at = [at for _trade_id, at in deployment.gateway().ledger.capture_times()]
    assert started - SLACK < min(captured_at) <= max(captured_at) < datetime.now(UTC) + SLACK


def test_a_clock_of_redis_that_was_set_back_does_not_lower_the_fence(
    deployment: Deployment, history: History
) -> None:
    """After Redis's clock was set back, each new fencing token is the last one plus one.

    The clock of a single Redis cannot be set, so the test writes tokens of an hour ahead.
    `tests/integration/inbox/claims/test_claim.py` tests the script alone; this test runs a fleet.
    """
    lanes = range(deployment.settings.lanes)
    redis = deployment.gateway().redis
    ahead = time.time_ns() // 1000 + HOUR_US
    for lane in lanes:
        redis.set(lane_keys(lane).fence, ahead)
    for number in range(2):
        deployment.start_worker(f"w{number}").wait_ready()
    sender = of_gateway(deployment.gateway())
    with Traffic(history, sender, trades=2_000, trades_a_call=20, partitions=40) as traffic:
        traffic.wait(60)
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    rows = deployment.gateway().ledger.partitions()
    # Tokens grew by the number of claims since then, not by microseconds.
    assert all(ahead < row.fence < ahead + len(traffic.accepted) for row in rows)
