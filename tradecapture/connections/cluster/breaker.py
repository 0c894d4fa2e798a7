"""A circuit breaker for the nodes of a cluster: a node that failed is not asked again at once.

Without it, each call that needs an unresponsive node would wait for its timeout. Soon all threads
of a process would wait for this one node, and none would serve the other nodes' lanes.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import structlog
from redis.exceptions import ConnectionError

# Shorter than a failover of the cluster, and shorter than a submitter waits before it resends.
OPEN_SECONDS = 1.0

log = structlog.get_logger(__name__)


class NodeError(ConnectionError):
    """A node did not answer; the message names it."""

    def __init__(self, node: str, reason: object) -> None:
        super().__init__(f"the Redis node {node} does not answer: {reason}")


class NodeUnavailableError(NodeError):
    """A node failed a moment ago, so the command was not sent."""


class _Failure(NamedTuple):
    retry_at: float  # monotonic seconds
    reason: str


class NodeBreaker:
    """The nodes that failed lately, as one process sees them. All its threads share it."""

    def __init__(
        self, timeout_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with all nodes available.

        Args:
            timeout_seconds: how long one exchange with a node may take.
            monotonic: a clock, in seconds.
        """
        self._timeout_seconds, self._monotonic = timeout_seconds, monotonic
        self._failures: dict[str, _Failure] = {}  # by node
        self._mutex = Lock()

    def check(self, node: str) -> bool:
        """Return if a command may be sent to a node; otherwise raise.

        When a failed node may be tried again, only one caller gets through, as the probe. The
        others get the same error as before until that caller has recorded what it found.

        Returns:
            Whether this caller is the probe.

        Raises:
            NodeUnavailableError: the node failed within the last second, or a probe is running.
        """
        if node not in self._failures:  # nearly always; a lock would be wasted on it
            return False
        with self._mutex:
            failure = self._failures.get(node)
            if failure is None:
                return False
            now = self._monotonic()
            if now < failure.retry_at:
                raise NodeUnavailableError(node, failure.reason)
            # If the probing thread dies, the next probe follows after this time.
            retry_at = now + OPEN_SECONDS + self._timeout_seconds
            self._failures[node] = failure._replace(retry_at=retry_at)
            return True

    def record_failure(self, node: str, error: Exception) -> None:
        """Record that a node did not answer."""
        with self._mutex:
            if node not in self._failures:
                log.warning("Redis node away", node=node, error=str(error))
            self._failures[node] = _Failure(self._monotonic() + OPEN_SECONDS, str(error))

    def record_success(self, node: str) -> None:
        """Record that a node answered."""
        if node in self._failures:
            with self._mutex:
                failure = self._failures.pop(node, None)
            if failure:
                log.warning("Redis node back", node=node)
