"""The service: what one API process holds for all its requests."""

from collections.abc import Sequence
from threading import Lock
from typing import Any, cast

from litestar import Request

from tradecapture.api.service.batch_jobs import BatchJobs
from tradecapture.api.service.batching import BatchQueue, SubmissionBatcher
from tradecapture.api.service.outcome_watch import OutcomeWatch
from tradecapture.capture.gateway import Gateway
from tradecapture.operations import Operator
from tradecapture.settings import Settings
from tradecapture.trades.receipt import Answer
from tradecapture.trades.submission import Invalid, Submission


class Service:
    """The gateway of one process, and what its requests share."""

    def __init__(self, settings: Settings) -> None:
        """Prepare to serve. Nothing is connected yet.

        Raises:
            SettingsError: the ledger cannot use the database that a setting names.
        """
        self.gateway = Gateway(settings, check=False)
        self.batcher = SubmissionBatcher(self.accept)
        self.batch_queue = BatchQueue()
        self.batch_jobs = BatchJobs(self.gateway.redis, settings.idempotency_seconds)
        self.outcome_watch = OutcomeWatch(self.gateway.ledger.outcomes)
        self._lanes_checked = False
        self._operator: Operator | None = None
        self._operator_lock = Lock()

    @property
    def operator(self) -> Operator:
        """What operators' requests use, made at its first use. Safe to use from any thread."""
        with self._operator_lock:
            if self._operator is None:
                self._operator = Operator(self.gateway)
            return self._operator

    def check_lane_count(self) -> None:
        """Check that Redis was set up with the same number of lanes as the settings.

        Raises:
            LaneCountError: it was not.
            redis.exceptions.RedisError: Redis does not answer.
        """
        self.gateway.inbox.check_lane_count()
        self._lanes_checked = True

    def accept(self, submissions: Sequence[Submission | Invalid]) -> list[Answer]:
        """Accept or refuse trades; blocks.

        Checks the lanes first, if Redis did not answer when this process started.

        Raises:
            LaneCountError, redis.exceptions.RedisError: see `check_lane_count`.
        """
        if not self._lanes_checked:
            self.check_lane_count()
        return self.gateway.accept(submissions)

    def close(self) -> None:
        """Wait for running submissions, and close all connections."""
        self.batcher.close()
        self.batch_queue.close()
        with self._operator_lock:
            if self._operator is not None:
                self._operator.close()
        self.gateway.close()


def service_of(request: Request[Any, Any, Any]) -> Service:
    """Return the service of the process that handles a request."""
    return cast(Service, request.app.state["service"])
