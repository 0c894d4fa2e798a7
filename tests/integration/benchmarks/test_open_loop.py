"""Open-loop load: a late answer delays no other request, and its waiting is counted."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime

from benchmarks.performance.judgement import judge
from benchmarks.performance.load import send_by_the_clock
from benchmarks.performance.plan import Scenario, plan
from benchmarks.performance.service import Service
from benchmarks.performance.trial import Observation, play
from tests.support.servers.proxies.withholding_server import withholding_server

REQUESTS = 100
PATIENCE_SECONDS = 0.2  # for captures that never come
TRIAL = Scenario("trial", "as the burst", REQUESTS, 200.0, partitions=10)


def observe(url: str, test: Scenario) -> Observation:
    """Play a test against a service."""

    async def story() -> Observation:
        with closing(Service(url)) as service:
            trades = plan(test, 1, datetime.now(UTC).date())
            return await play(test, trades, service, PATIENCE_SECONDS, lambda: None)

    return asyncio.run(story())


def test_late_answers_delay_no_other_request() -> None:
    """All 100 are sent while none of them is answered; a closed loop would stop at the first."""
    with withholding_server(REQUESTS, seconds=8.0) as url:
        seen = observe(url, TRIAL)
    assert [answer.problem for answer in seen.sent] == [""] * REQUESTS


def test_a_trade_that_is_accepted_and_forgotten_misses_the_target() -> None:
    """A service that answers 202 and knows nothing of the trade afterwards is found out."""
    with withholding_server(1, seconds=8.0) as url:
        result = judge(observe(url, TRIAL))
    assert result.problems == {"accepted, no status": REQUESTS}
    assert result.success == 0
    assert not result.reached


def test_waiting_counts_from_the_moment_at_which_a_request_was_due() -> None:
    """A request that this process could send only later has waited since it was due."""

    async def story() -> list[tuple[float, float]]:
        loop = asyncio.get_running_loop()

        async def send(number: int, due: float) -> tuple[float, float]:
            began = loop.time()
            if number == 0:
                while loop.time() < began + 0.2:  # a busy machine: nothing else gets its turn
                    pass
            return due, began

        return await send_by_the_clock([0.0, 0.01, 0.02], send)

    (first, _), *others = asyncio.run(story())
    assert [round(due - first, 6) for due, _ in others] == [0.01, 0.02]
    assert all(began - due > 0.1 for due, began in others)
