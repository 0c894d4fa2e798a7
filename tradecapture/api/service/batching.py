"""Batching: concurrent submissions share one call, and large batches share a few threads."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tradecapture.trades.receipt import Answer
from tradecapture.trades.submission import Submission

# Submissions that may wait for the next call. More would wait longer than about two seconds for
# their answer; 5,000 of the usual 1 KiB take a few megabytes.
MAX_PENDING_TRADES = 5_000
# Batches that are worked on at the same time. To validate a batch is Python work, which one process
# does one at a time; the second thread validates while the first waits for Redis.
BATCH_THREADS = 2
# Batches in the process, waiting ones included: 16 of the largest take 1 GiB.
MAX_BATCHES = 16

Result = TypeVar("Result")


class TooManyPendingError(Exception):
    """Too many submissions already wait; this one was not stored."""


class TooManyBatchesError(Exception):
    """Too many batches already wait; nothing of this one was stored."""


class SubmissionBatcher:
    """Passes submissions to a blocking function, many in one call, in their order of arrival.

    While a call runs, new submissions wait; the next call takes all of them. The calls run one
    after the other in their own thread, so slow reads elsewhere never delay them.
    """

    def __init__(
        self,
        accept: Callable[[Sequence[Submission]], Sequence[Answer]],
        max_pending: int = MAX_PENDING_TRADES,
    ) -> None:
        """Prepare to batch.

        Args:
            accept: blocks, and returns one answer a submission, in their order.
            max_pending: submissions that may wait for the next call.
        """
        self._accept, self._max_pending = accept, max_pending
        self._pending: list[tuple[Submission, asyncio.Future[Answer]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="accept")

    async def accept(self, submission: Submission) -> Answer:
        """Return the answer to one submission.

        Raises:
            TooManyPendingError: too many submissions already wait.
            Exception: an error of the function; it reaches every submission of its call.
        """
        if len(self._pending) >= self._max_pending:
            raise TooManyPendingError
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending.append((submission, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return await future

    def close(self) -> None:
        """Wait for the running call to end."""
        self._thread.shutdown()

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            batch, self._pending = self._pending, []
            submissions = [submission for submission, _ in batch]
            call = loop.run_in_executor(self._thread, self._accept, submissions)
            await asyncio.wait([call])
            error = call.exception()
            answers = call.result() if error is None else ()
            for index, (_, future) in enumerate(batch):
                if future.done():  # the client has disconnected
                    continue
                if error is None:
                    future.set_result(answers[index])
                else:
                    future.set_exception(error)
        self._flushing = None


class BatchQueue:
    """Runs blocking work on whole batches in its own threads, a limited number at a time."""

    def __init__(self) -> None:
        self._batches = 0
        self._threads = ThreadPoolExecutor(BATCH_THREADS, thread_name_prefix="batch")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of the work.

        Raises:
            TooManyBatchesError: too many batches already wait.
        """
        if self._batches >= MAX_BATCHES:
            raise TooManyBatchesError
        self._batches += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._batches -= 1

    def close(self) -> None:
        """Wait for the batches in the process to end."""
        self._threads.shutdown()
