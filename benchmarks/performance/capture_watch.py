"""Watches trades until their status shows CAPTURED, by the clock that timed their sending.

The ledger's `capturedAt` is unsuitable: it is from a worker's clock, read before the commit that
makes the capture visible. So the status of some trades is requested repeatedly, with growing
pauses. The result is never too early, and too late by a known amount.
"""

import asyncio
from collections.abc import Iterable
from random import Random

from msgspec import Struct

from benchmarks.performance.service import Service
from tradecapture.capture.status import TradeBody
from tradecapture.trades.lifecycle import TradeState

# Trades watched a second. Each needs four or five requests on a fleet that keeps up, and 20 on one
# that captures nothing for a minute: about 100 light requests a second, at most.
WATCHED_PER_SECOND = 20.0
# The first request, in seconds after the 202. Each later pause is longer by half, so that a
# sighting is late by at most a third of the measured time, and one answer.
FIRST_PAUSE_SECONDS = 0.01
PAUSE_GROWTH = 1.5

MAX_CONCURRENT_REQUESTS = 8  # when all trades are asked for after the load
PAUSE_SECONDS = 0.25  # between two rounds of that


class Sighting(Struct, frozen=True):
    """The moments between which a trade was captured, in seconds of the event loop's clock."""

    earliest: float  # start of the last request that did not show it as captured
    latest: float  # answer to the first request that did


def choose_watched(trades: int, rate: float, random: Random) -> frozenset[int]:
    """Return the numbers of the trades to watch: all of a slow test, some of a fast one.

    They are chosen at random. If trades take partitions in turn, every tenth trade could be of the
    same partition.
    """
    share = min(1.0, WATCHED_PER_SECOND / rate)
    return frozenset(random.sample(range(trades), max(1, round(trades * share))))


async def watch_capture(
    service: Service, trade_id: str, sent_at: float, seconds: float
) -> Sighting | None:
    """Watch an accepted trade until it is captured; None: not captured in this many seconds."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + seconds
    earliest = sent_at  # it may be captured before the 202 arrives
    pause = FIRST_PAUSE_SECONDS
    while earliest < give_up_at:
        await asyncio.sleep(pause)
        pause *= PAUSE_GROWTH
        asked_at = loop.time()
        status = await service.trade(trade_id)
        if status is not None and status.status is TradeState.CAPTURED:
            return Sighting(earliest, loop.time())
        earliest = asked_at
    return None


async def final_statuses(
    service: Service, trade_ids: Iterable[str], seconds: float
) -> list[TradeBody]:
    """Return the status of each trade when none waits any more, or after this many seconds."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + seconds
    semaphore = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)
    statuses: dict[str, TradeBody] = {}

    async def ask(trade_id: str) -> None:
        async with semaphore:
            if (status := await service.trade(trade_id)) is not None:
                statuses[trade_id] = status

    waiting = list(trade_ids)
    while waiting:
        async with asyncio.TaskGroup() as group:
            for trade_id in waiting:
                group.create_task(ask(trade_id))
        waiting = [name for name in waiting if name not in statuses or _waits(statuses[name])]
        if loop.time() >= give_up_at:
            break
        if waiting:
            await asyncio.sleep(PAUSE_SECONDS)
    return list(statuses.values())


def _waits(status: TradeBody) -> bool:
    return status.status in (TradeState.ACCEPTED, TradeState.BUFFERED)
