"""Clocks jump: which clock decides what, and why no jump matters.

- Redis time: the lease, the fence, the time of acceptance and of capture, what is due.
- The monotonic clock, which never jumps: the time budget, retries, the sweep, lease renewals.
- A worker's wall clock: Celery's events and logs, and kombu's redelivery of unacknowledged
  bells, of which one too many or too late does no harm.
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
LOAD_SECONDS = 5.0  # some fifty jumps
SLACK = timedelta(seconds=1)  # between the clocks of Redis and of this process: rounding


def test_an_hours_jumps_of_a_workers_clock_do_not_matter(
    deployment: Deployment, history: History
) -> None:
    """A worker's clock jumps by an hour ten times a second: all captured, at the right time."""
    jumping = deployment.start_worker(
        "jumping",
        concurrency=2,
        app="tests.support.faults.programs.jumping_worker",
        lease_seconds=1,
    ).wait_ready()
    sender = of_gateway(deployment.gateway())
    began = datetime.now(UTC)
    with Traffic(history, sender, trades_a_call=10, trades_a_second=500) as traffic:
        time.sleep(LOAD_SECONDS)
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    log = jumping.log.read_bytes()
    assert log.count(b"clock jumped") > LOAD_SECONDS * 10
    assert not re.search(rb"stale=[^0]|lease lost|Traceback", log)
    captured_at = [at for _trade_id, at in deployment.gateway().ledger.capture_times()]
    assert began - SLACK < min(captured_at) <= max(captured_at) < datetime.now(UTC) + SLACK


def test_a_clock_of_redis_that_was_set_back_does_not_lower_the_fence(
    deployment: Deployment, history: History
) -> None:
    """Fences of an hour ahead, as a clock set back leaves them: each new one is one more.

    Redis's own clock cannot be set for one server; `tests/integration/inbox/claims/test_claim.py`
    has the script's
    side, and this is the whole fleet's.
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
    # Claims since, not microseconds.
    assert all(ahead < row.fence < ahead + len(traffic.accepted) for row in rows)
