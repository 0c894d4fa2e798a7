"""The batch queue: a few batches are worked on at a time, and only some may wait."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

# Threads: validating a batch is Python work, of which one process does one at a time; the second
# thread validates while the first waits for Redis.
BATCHES_AT_A_TIME = 2
# Batches in the process, at most: 16 of the largest are one GiB.
BATCHES = 16

Result = TypeVar("Result")


class BatchQueueFullError(Exception):
    """Too many batches wait already; nothing of this one was kept."""


class BatchQueue:
    """Runs blocking work on batches in threads of their own."""

    def __init__(self) -> None:
        self._batches = 0
        self._threads = ThreadPoolExecutor(BATCHES_AT_A_TIME, thread_name_prefix="batch")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return what the work returns.

        Raises:
            BatchQueueFullError: too many batches wait already.
        """
        if self._batches >= BATCHES:
            raise BatchQueueFullError
        self._batches += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._batches -= 1

    def close(self) -> None:
        """Let the batches under way end."""
        self._threads.shutdown()
