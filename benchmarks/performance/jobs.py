"""Batch jobs: how many of the day's trades are captured, asked for a whole batch at a time.

The service counts a batch's outcomes by reading each of its trades, so that a look is not free:
only the oldest job that has not ended is looked at, and not often.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

import httpx
import msgspec

from tradecapture.api.http.paths import JOB_STATUS
from tradecapture.api.trades.bodies import JobBody, JobStatus
from tradecapture.trades.lifecycle import Outcome

ANSWER_SECONDS = 60.0  # for one answer
# Between two looks at a job that has not ended. The figure for the last capture is too late by no
# more than this and one answer.
PAUSE_SECONDS = 0.5


class Look(NamedTuple):
    """What a job says of its trades."""

    captured: int = 0
    otherwise: int = 0  # rejected or parked
    has_ended: bool = False  # each of its trades has its outcome


class Jobs:
    """The jobs of a day, and what became of their trades. Senders add, one thread counts."""

    def __init__(self, base_url: str) -> None:
        self.captured = 0
        self.otherwise = 0
        self.seen_at = 0.0  # when the last job that has ended was seen to; monotonic seconds
        self._http = httpx.Client(base_url=base_url, timeout=ANSWER_SECONDS)
        self._pending: deque[str] = deque()

    def add(self, job_id: str) -> None:
        """Note a job that was accepted."""
        self._pending.append(job_id)

    def count(
        self, sent: threading.Event, give_up_seconds: float, progress: Callable[[int], object]
    ) -> None:
        """Count until all jobs have ended, or the oldest has not moved for so many seconds.

        Args:
            sent: set when no job will be added.
            give_up_seconds: of waiting after everything is sent.
            progress: told how many trades have their outcome.
        """
        moved_at, before, look = time.monotonic(), 0, Look()
        with self._http:
            while self._pending or not sent.is_set():
                look = self._look(self._pending[0]) if self._pending else Look()
                if look.has_ended:
                    self._pending.popleft()
                    self._settle(look)
                    self.seen_at = time.monotonic()
                    look = Look()
                else:
                    time.sleep(PAUSE_SECONDS)
                done = self.captured + self.otherwise + look.captured + look.otherwise
                progress(done)
                if done > before:
                    moved_at, before = time.monotonic(), done
                elif sent.is_set() and time.monotonic() - moved_at > give_up_seconds:
                    break
        self._settle(look)  # what is known of the one that was given up

    def _settle(self, look: Look) -> None:
        self.captured += look.captured
        self.otherwise += look.otherwise

    def _look(self, job_id: str) -> Look:
        try:
            response = self._http.get(JOB_STATUS.format(job_id))
        except httpx.HTTPError:
            return Look()
        if response.status_code != HTTPStatus.OK:
            return Look()
        job = msgspec.json.decode(response.content, type=JobBody)
        outcomes = {} if job.result is None else job.result.outcomes or {}
        captured = outcomes.get(Outcome.CAPTURED, 0)
        return Look(
            captured,
            sum(outcomes.values()) - captured,
            job.status in (JobStatus.COMPLETED, JobStatus.FAILED),
        )
