"""Runs a scenario against a service, and observes the answers and what became of the trades."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random

from msgspec import Struct

from benchmarks.performance.capture_watch import (
    Sighting,
    choose_watched,
    final_statuses,
    watch_capture,
)
from benchmarks.performance.open_loop import send_by_the_clock
from benchmarks.performance.scenarios import PlannedTrade, Scenario
from benchmarks.performance.service import Service
from tradecapture.capture.status import TradeBody


class SentTrade(Struct, frozen=True):
    """A request and its answer. Moments are seconds of the event loop's clock."""

    trade_id: str
    due: float
    began: float
    answered: float
    problem: str  # empty: it was accepted


class Observation(Struct, frozen=True):
    """Everything that was observed of one scenario."""

    scenario: Scenario
    sent: Sequence[SentTrade]
    sightings: Mapping[str, Sighting | None]  # of watched trades; None: never seen as captured
    statuses: Sequence[TradeBody]  # of the accepted trades, after the load


async def run_scenario(
    scenario: Scenario,
    planned: Sequence[PlannedTrade],
    service: Service,
    patience_seconds: float,
    progress: Callable[[], object],
) -> Observation:
    """Send a scenario's trades by the clock, and observe what becomes of them.

    Args:
        scenario: to run.
        planned: its trades.
        service: to send to.
        patience_seconds: how long to wait for captures after the last answer.
        progress: called when a trade has its answer.
    """
    loop = asyncio.get_running_loop()
    random = Random(len(planned))  # noqa: S311 - no secret
    watched = choose_watched(len(planned), scenario.rate, random)
    sightings: dict[str, Sighting | None] = {}
    async with asyncio.TaskGroup() as watching:

        async def watch(trade_id: str, sent_at: float) -> None:
            sightings[trade_id] = await watch_capture(service, trade_id, sent_at, patience_seconds)

        async def send(number: int, due: float) -> SentTrade:
            trade = planned[number]
            began = loop.time()
            problem = await service.submit(trade.body)
            sent = SentTrade(trade.trade_id, due, began, loop.time(), problem)
            progress()
            if not problem and number in watched:
                watching.create_task(watch(trade.trade_id, began))
            return sent

        sent = await send_by_the_clock([trade.due for trade in planned], send)
    accepted = [trade.trade_id for trade in sent if not trade.problem]
    statuses = await final_statuses(service, accepted, patience_seconds)
    return Observation(scenario, sent, sightings, statuses)
