"""The watch: when a trade's status first shows it captured, by the clock that counted its sending.

The ledger's `capturedAt` will not do: it is a worker's clock, read before the commit that makes
the capture visible. So the status is asked for again and again, of some trades only, and ever more
rarely: what is found is never too early, and too late by a known part.
"""

import asyncio
from collections.abc import Iterable
from random import Random

from msgspec import Struct

from benchmarks.performance.service import Service
from tradecapture.capture.status import TradeBody
from tradecapture.trades.lifecycle import TradeState

# Trades watched a second. Each is asked for four or five times on a fleet that keeps up, and 20
# times on one that captures nothing for a minute: some 100 light requests a second, at most.
WATCHED_A_SECOND = 20.0
# The first look, in seconds after the 202; each later pause is longer by half, so that a look is
# late by no more than a third of what is measured, and the time of one answer.
FIRST_LOOK_SECONDS = 0.01
PAUSE_GROWTH = 1.5

ASKED_AT_ONCE = 8  # trades, when all are asked for after the load
PAUSE_SECONDS = 0.25  # between two rounds of that


class Sighting(Struct, frozen=True):
    """Between which moments a trade was captured, in seconds of the event loop's clock."""

    earliest: float  # the last look that did not show it captured began then
    latest: float  # the first look that did had its answer then


def watched(trades: int, rate: float, random: Random) -> frozenset[int]:
    """Return the numbers of the trades to watch: all of a slow test, some of a fast one.

    Drawn, not every tenth: trades that take partitions in turn would all be of one.
    """
    share = min(1.0, WATCHED_A_SECOND / rate)
    return frozenset(random.sample(range(trades), max(1, round(trades * share))))


async def sight(service: Service, trade_id: str, sent_at: float, seconds: float) -> Sighting | None:
    """Watch an accepted trade until it is captured; None: it was not, in so many seconds."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + seconds
    earliest = sent_at  # it may be captured before the 202 is here
    pause = FIRST_LOOK_SECONDS
    while earliest < give_up_at:
        await asyncio.sleep(pause)
        pause *= PAUSE_GROWTH
        looked_at = loop.time()
        view = await service.trade(trade_id)
        if view is not None and view.status is TradeState.CAPTURED:
            return Sighting(earliest, loop.time())
        earliest = looked_at
    return None


async def views(service: Service, trade_ids: Iterable[str], seconds: float) -> list[TradeBody]:
    """Return what the service says of each trade once none waits, or after so many seconds."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + seconds
    gate = asyncio.Semaphore(ASKED_AT_ONCE)
    found: dict[str, TradeBody] = {}

    async def ask(trade_id: str) -> None:
        async with gate:
            if (view := await service.trade(trade_id)) is not None:
                found[trade_id] = view

    waiting = list(trade_ids)
    while waiting:
        async with asyncio.TaskGroup() as group:
            for trade_id in waiting:
                group.create_task(ask(trade_id))
        waiting = [name for name in waiting if name not in found or _waits(found[name])]
        if loop.time() >= give_up_at:
            break
        if waiting:
            await asyncio.sleep(PAUSE_SECONDS)
    return list(found.values())


def _waits(view: TradeBody) -> bool:
    return view.status in (TradeState.ACCEPTED, TradeState.BUFFERED)
