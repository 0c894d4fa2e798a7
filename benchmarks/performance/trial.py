"""A trial: one test, played against a service; what was answered and what became of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random

from msgspec import Struct

from benchmarks.performance.load import send_by_the_clock
from benchmarks.performance.plan import Planned, Scenario
from benchmarks.performance.service import Service
from benchmarks.performance.watch import Sighting, sight, views, watched
from tradecapture.capture.status import TradeBody


class Sent(Struct, frozen=True):
    """A request and its answer; moments are seconds of the event loop's clock."""

    trade_id: str
    due: float
    began: float
    answered: float
    problem: str  # "": it was accepted


class Observation(Struct, frozen=True):
    """Everything that was seen of one test."""

    test: Scenario
    sent: Sequence[Sent]
    sightings: Mapping[str, Sighting | None]  # None: watched, never captured
    views: Sequence[TradeBody]  # of the accepted trades, after the load


async def play(
    test: Scenario,
    planned: Sequence[Planned],
    service: Service,
    patience_seconds: float,
    progress: Callable[[], object],
) -> Observation:
    """Send a test's trades by the clock, and see what becomes of them.

    Args:
        test: to be played.
        planned: its trades.
        service: to send to.
        patience_seconds: how long to wait for captures after the last answer.
        progress: called when a trade has its answer.
    """
    loop = asyncio.get_running_loop()
    chosen = watched(len(planned), test.rate, Random(len(planned)))  # noqa: S311 - no secret
    sightings: dict[str, Sighting | None] = {}
    async with asyncio.TaskGroup() as watching:

        async def watch(trade_id: str, sent_at: float) -> None:
            sightings[trade_id] = await sight(service, trade_id, sent_at, patience_seconds)

        async def send(number: int, due: float) -> Sent:
            trade = planned[number]
            began = loop.time()
            problem = await service.submit(trade.body)
            sent = Sent(trade.trade_id, due, began, loop.time(), problem)
            progress()
            if not problem and number in chosen:
                watching.create_task(watch(trade.trade_id, began))
            return sent

        sent = await send_by_the_clock([trade.due for trade in planned], send)
    accepted = [answer.trade_id for answer in sent if not answer.problem]
    return Observation(test, sent, sightings, await views(service, accepted, patience_seconds))
