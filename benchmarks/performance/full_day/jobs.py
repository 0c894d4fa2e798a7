"""Batch jobs: count how many of the day's trades are captured, one batch at a time.

The service counts a batch's outcomes by reading each of its trades, so a status is not free. Only
the oldest unfinished job is asked for, and not often.
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

ANSWER_TIMEOUT_SECONDS = 60.0
# Between two requests for an unfinished job. The figure for the last capture is too late by at most
# this and one answer.
POLL_INTERVAL_SECONDS = 0.5


class JobCounts(NamedTuple):
    """What a job's status says of its trades."""

    captured: int = 0
    otherwise: int = 0  # rejected or parked
    has_ended: bool = False  # each of its trades has an outcome


class Jobs:
    """The jobs of a day and their outcomes. Sending threads add jobs, one thread counts."""

    def __init__(self, base_url: str) -> None:
        self.captured = 0
        self.otherwise = 0
        self.last_ended_at = 0.0  # when the last finished job was seen; monotonic seconds
        self._http = httpx.Client(base_url=base_url, timeout=ANSWER_TIMEOUT_SECONDS)
        self._pending: deque[str] = deque()

    def add(self, job_id: str) -> None:
        """Add a job to count."""
        self._pending.append(job_id)

    def count(
        self, sent: threading.Event, give_up_seconds: float, progress: Callable[[int], object]
    ) -> None:
        """Count until all jobs have ended, or nothing has changed for some time.

        Args:
            sent: set when no more jobs will be added.
            give_up_seconds: without a change, after everything was sent.
            progress: called with the number of trades that have an outcome.
        """
        changed_at, before, counts = time.monotonic(), 0, JobCounts()
        with self._http:
            while self._pending or not sent.is_set():
                counts = self._ask(self._pending[0]) if self._pending else JobCounts()
                if counts.has_ended:
                    self._pending.popleft()
                    self._add_counts(counts)
                    self.last_ended_at = time.monotonic()
                    counts = JobCounts()
                else:
                    time.sleep(POLL_INTERVAL_SECONDS)
                done = self.captured + self.otherwise + counts.captured + counts.otherwise
                progress(done)
                if done > before:
                    changed_at, before = time.monotonic(), done
                elif sent.is_set() and time.monotonic() - changed_at > give_up_seconds:
                    break
        self._add_counts(counts)  # of an unfinished job, if counting gave up

    def _add_counts(self, counts: JobCounts) -> None:
        self.captured += counts.captured
        self.otherwise += counts.otherwise

    def _ask(self, job_id: str) -> JobCounts:
        try:
            response = self._http.get(JOB_STATUS.format(job_id))
        except httpx.HTTPError:
            return JobCounts()
        if response.status_code != HTTPStatus.OK:
            return JobCounts()
        job = msgspec.json.decode(response.content, type=JobBody)
        outcomes = {} if job.result is None else job.result.outcomes or {}
        captured = outcomes.get(Outcome.CAPTURED, 0)
        return JobCounts(
            captured,
            sum(outcomes.values()) - captured,
            job.status in (JobStatus.COMPLETED, JobStatus.FAILED),
        )
