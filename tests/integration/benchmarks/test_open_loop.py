"""Open-loop load: a late answer delays no other request, and its wait is counted."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime

from benchmarks.performance.assessment import assess
from benchmarks.performance.open_loop import send_by_the_clock
from benchmarks.performance.runner import Observation, run_scenario
from benchmarks.performance.scenarios import Scenario, plan
from benchmarks.performance.service import Service
from tests.support.servers.proxies.withholding_server import withholding_server

REQUESTS = 100
PATIENCE_SECONDS = 0.2  # for captures that never come
SCENARIO = Scenario("trial", "like the burst", REQUESTS, 200.0, partitions=10)


def observe(url: str, scenario: Scenario) -> Observation:
    """Run a scenario against a service."""

    async def run() -> Observation:
        with closing(Service(url)) as service:
            trades = plan(scenario, 1, datetime.now(UTC).date())
            return await run_scenario(scenario, trades, service, PATIENCE_SECONDS, lambda: None)

    return asyncio.run(run())


def test_late_answers_delay_no_other_request() -> None:
    """All 100 are sent although none is answered; a closed loop would stop at the first."""
    with withholding_server(REQUESTS, seconds=8.0) as url:
        observation = observe(url, SCENARIO)
    assert [trade.problem for trade in observation.sent] == [""] * REQUESTS


def test_a_trade_that_is_accepted_and_forgotten_misses_the_target() -> None:
    """A service that answers 202 and then does not know the trade misses the target."""
    with withholding_server(1, seconds=8.0) as url:
        result = assess(observe(url, SCENARIO))
    assert result.problems == {"accepted, no status": REQUESTS}
    assert result.success == 0
    assert not result.reached


def test_waiting_counts_from_the_moment_at_which_a_request_was_due() -> None:
    """A request that this process sends late has waited since it was due."""

    async def run() -> list[tuple[float, float]]:
        loop = asyncio.get_running_loop()

        async def send(number: int, due: float) -> tuple[float, float]:
            began = loop.time()
            if number == 0:
                while loop.time() < began + 0.2:  # like a busy machine: nothing else runs
                    pass
            return due, began

        return await send_by_the_clock([0.0, 0.01, 0.02], send)

    (first, _), *others = asyncio.run(run())
    assert [round(due - first, 6) for due, _ in others] == [0.01, 0.02]
    assert all(began - due > 0.1 for due, began in others)
