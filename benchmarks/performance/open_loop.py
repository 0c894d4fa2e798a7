"""Open-loop load: the clock decides when a request is sent, whatever became of earlier ones."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

LEAD_SECONDS = 0.1  # before the first request, so that it is not late already

Result = TypeVar("Result")


async def send_by_the_clock(
    dues: Iterable[float], send: Callable[[int, float], Awaitable[Result]]
) -> list[Result]:
    """Start each request at its moment; return all results when all requests have ended.

    A late answer delays no other request. Times counted from the moment that `send` gets include
    the waiting that a closed loop leaves out (coordinated omission).

    Args:
        dues: seconds after the start, in ascending order.
        send: called with the number of the request and the moment when it is due, in seconds of
            the event loop's clock.
    """
    loop = asyncio.get_running_loop()
    start = loop.time() + LEAD_SECONDS
    requests: list[asyncio.Task[Result]] = []
    async with asyncio.TaskGroup() as group:
        for number, due in enumerate(dues):
            await asyncio.sleep(max(0.0, start + due - loop.time()))
            requests.append(group.create_task(_result_of(send(number, start + due))))
    return [request.result() for request in requests]


async def _result_of(request: Awaitable[Result]) -> Result:
    return await request
