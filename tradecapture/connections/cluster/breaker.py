"""The nodes of a cluster that do not answer: whoever needs one is told so at once.

Without it each call that touches a node whose host has vanished waits out its timeout, until all
threads of a process wait for the one node and no trade of the others comes through.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import structlog
from redis.exceptions import ConnectionError

# A failover takes a cluster longer, and a submitter comes back later.
AWAY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class NodeError(ConnectionError):
    """A node did not answer; the message names it."""

    def __init__(self, node: str, why: object) -> None:
        super().__init__(f"the Redis node {node} does not answer: {why}")


class NodeUnavailableError(NodeError):
    """A node did not answer a moment ago; it was not asked again."""


class _Away(NamedTuple):
    until: float  # monotonic seconds
    why: str


class NodeBreaker:
    """Which nodes did not answer, as one process sees it; shared by all its threads."""

    def __init__(
        self, timeout_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with none.

        Args:
            timeout_seconds: how long one look at a node may take.
            monotonic: a clock.
        """
        self._timeout_seconds, self._monotonic = timeout_seconds, monotonic
        self._away: dict[str, _Away] = {}
        self._mutex = Lock()

    def check(self, node: str) -> bool:
        """Let a node be asked; when its time is over, by one caller before the others.

        Returns:
            Whether it is this one, who must note what comes of it.

        Raises:
            NodeAwayError: it did not answer within the last second.
        """
        if node not in self._away:  # nearly always; a lock would be wasted on it
            return False
        with self._mutex:
            away = self._away.get(node)
            if away is None:
                return False
            now = self._monotonic()
            if now < away.until:
                raise NodeUnavailableError(node, away.why)
            # This caller looks; the others are told the same as before until it knows more.
            self._away[node] = away._replace(until=now + AWAY_SECONDS + self._timeout_seconds)
            return True

    def note(self, node: str, why: Exception) -> None:
        """Note that a node did not answer."""
        with self._mutex:
            if node not in self._away:
                log.warning("Redis node away", node=node, error=str(why))
            self._away[node] = _Away(self._monotonic() + AWAY_SECONDS, str(why))

    def clear(self, node: str) -> None:
        """Note that a node answered."""
        if node in self._away:
            with self._mutex:
                was_away = self._away.pop(node, None)
            if was_away:
                log.warning("Redis node back", node=node)
