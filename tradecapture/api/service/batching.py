"""The gathering: requests that arrive together share one call, and so one Redis round trip."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tradecapture.trades.receipt import Answer
from tradecapture.trades.submission import Submission

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


# Trades that may wait for the next call; more of them would not be answered within two seconds,
# and 5,000 of the usual kilobyte are a few megabytes.
WAITING_TRADES = 5_000


class TooManyPendingError(Exception):
    """Too many trades wait already; nothing of this one was kept."""


class SubmissionBatcher:
    """Hands submissions to a blocking function, in the order in which they arrived.

    While one call is under way later submissions gather, and the next call takes them all. Calls
    follow each other in a thread of their own, so that slow reads elsewhere never delay them.
    """

    def __init__(
        self,
        accept: Callable[[Sequence[Submission]], Sequence[Answer]],
        limit: int = WAITING_TRADES,
    ) -> None:
        self._accept, self._limit = accept, limit
        self._waiting: list[tuple[Submission, asyncio.Future[Answer]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="accept")

    async def accept(self, submission: Submission) -> Answer:
        """Return the answer to one submission.

        Raises:
            GatheringFullError: too many wait already.
            Exception: whatever the function raised.
        """
        if len(self._waiting) >= self._limit:
            raise TooManyPendingError
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((submission, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return await future

    def close(self) -> None:
        """Let the call under way end."""
        self._thread.shutdown()

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            gathered, self._waiting = self._waiting, []
            submissions = [submission for submission, _ in gathered]
            call = loop.run_in_executor(self._thread, self._accept, submissions)
            await asyncio.wait([call])
            error = call.exception()
            answers = call.result() if error is None else ()
            for index, (_, future) in enumerate(gathered):
                if future.done():  # its client has gone
                    continue
                if error is None:
                    future.set_result(answers[index])
                else:
                    future.set_exception(error)
        self._flushing = None
