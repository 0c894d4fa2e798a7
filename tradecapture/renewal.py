"""The renewal: keeps a claim's lease alive while its transaction runs; one thread a process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.exceptions import RedisError

from tradecapture.inbox import Claim, Inbox

RENEWALS_A_LEASE = 3  # two may fail before the lease ends

log = structlog.get_logger(__name__)


class Renewal:
    """Renews the claims in hand. One that is done within a third of its lease costs nothing."""

    def __init__(self, inbox: Inbox, lease_seconds: float) -> None:
        self._inbox = inbox
        self._interval_seconds = lease_seconds / RENEWALS_A_LEASE
        self._claims: dict[str, Claim] = {}  # by token; one, but in a pool of threads
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease renewal", daemon=True)

    def start(self) -> None:
        """Start the thread; after the fork, never before."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()

    @contextmanager
    def of(self, claim: Claim) -> Iterator[None]:
        """Keep a claim's lease alive for the length of a with block."""
        self._claims[claim.token] = claim
        try:
            yield
        finally:
            del self._claims[claim.token]

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            for claim in tuple(self._claims.values()):
                self._renew(claim)

    def _renew(self, claim: Claim) -> None:
        try:
            # A claim settled in this very moment is harmless to renew: its token is gone.
            self._inbox.renew(claim.lane, claim.token, claim.keys)
        except RedisError as error:
            log.warning("lease not renewed", lane=claim.lane, error=str(error))
