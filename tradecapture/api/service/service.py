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
from tradecapture.trades.receipt import Answer
from tradecapture.trades.submission import Invalid, Submission


class Service:
    """The gateway, and what lets many requests share it."""

    def __init__(self, gateway: Gateway) -> None:
        """Prepare to serve; nothing is connected yet.

        Raises:
            SettingsError: the database is not one that the ledger can use.
        """
        self.gateway = gateway
        self.gathering = SubmissionBatcher(self.accept)
        self.outcomes = OutcomeWatch(gateway.ledger.outcomes)
        self.batches = BatchQueue()
        self.batch_jobs = BatchJobs(gateway.redis, gateway.settings.idempotency_seconds)
        self._lanes_checked = False
        self._operator: Operator | None = None
        self._operator_lock = Lock()

    @property
    def operator(self) -> Operator:
        """What operators' requests work with; the first of them makes it, in its own thread."""
        with self._operator_lock:
            if self._operator is None:
                self._operator = Operator(self.gateway)
            return self._operator

    def check_lane_count(self) -> None:
        """Make sure that this process and Redis agree on the lanes, before the first submission.

        Raises:
            LaneCountError: they do not.
            redis.exceptions.RedisError: Redis is out of reach.
        """
        self.gateway.inbox.check_lane_count()
        self._lanes_checked = True

    def accept(self, submissions: Sequence[Submission | Invalid]) -> list[Answer]:
        """Submit trades; blocks.

        Raises:
            LaneCountError, redis.exceptions.RedisError: as `check_lane_count`, which runs first if
                Redis was out of reach when this process started.
        """
        if not self._lanes_checked:
            self.check_lane_count()
        return self.gateway.accept(submissions)

    def close(self) -> None:
        """Close everything."""
        self.gathering.close()
        self.batches.close()
        with self._operator_lock:
            if self._operator is not None:
                self._operator.close()
        self.gateway.close()


def service_of(request: Request[Any, Any, Any]) -> Service:
    """Return the service of the process that answers a request."""
    return cast(Service, request.app.state["service"])
