"""Open-loop load: requests are sent by the clock, whatever became of those before."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

LEAD_SECONDS = 0.1  # before the first request, so that it is not late already

Result = TypeVar("Result")


async def send_by_the_clock(
    dues: Iterable[float], send: Callable[[int, float], Awaitable[Result]]
) -> list[Result]:
    """Begin each request at its moment, and return what came of each when all have ended.

    A late answer delays no other request. Whoever counts from the moment given to `send` counts
    the waiting that a closed loop leaves out (coordinated omission).

    Args:
        dues: seconds after the beginning, in ascending order.
        send: called with the number of the request and the moment at which it is due, in
            seconds of the event loop's clock.
    """
    loop = asyncio.get_running_loop()
    beginning = loop.time() + LEAD_SECONDS
    requests: list[asyncio.Task[Result]] = []
    async with asyncio.TaskGroup() as group:
        for number, due in enumerate(dues):
            await asyncio.sleep(max(0.0, beginning + due - loop.time()))
            requests.append(group.create_task(_ended(send(number, beginning + due))))
    return [request.result() for request in requests]


async def _ended(request: Awaitable[Result]) -> Result:
    return await request
