"""The renewal: keeps a claim's lease alive while its transaction runs; one thread a process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from tradecapture.inbox import Claim, Inbox

RENEWALS_A_LEASE = 3  # two may fail before the lease ends
# A minute by default. What has not ended by then hangs, such as on a network that is cut without a
# word; the fence sees to it that nothing comes of it once another has its partitions.
MAX_LEASES = 12

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Active:
    claim: Claim
    renewals: int = 0


class LeaseRenewer:
    """Renews the claims in hand. One that is done within a third of its lease costs nothing.

    One that is not done after twelve leases is renewed no more: others may try.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._interval_seconds = inbox.lease_seconds / RENEWALS_A_LEASE
        self._in_hand: dict[str, _Active] = {}  # by token; one, but in a pool of threads
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease renewal", daemon=True)

    def start(self) -> None:
        """Start the thread; after the fork, never before."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()

    @contextmanager
    def keep(self, claim: Claim) -> Iterator[None]:
        """Keep a claim's lease alive for the length of a with block."""
        self._in_hand[claim.token] = _Active(claim)
        try:
            yield
        finally:
            del self._in_hand[claim.token]

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            for in_hand in tuple(self._in_hand.values()):
                in_hand.renewals += 1
                if in_hand.renewals < MAX_LEASES * RENEWALS_A_LEASE:
                    self._renew(in_hand.claim)
                elif in_hand.renewals == MAX_LEASES * RENEWALS_A_LEASE:
                    claim = in_hand.claim
                    log.error(
                        "capture hangs; its lease ends", lane=claim.lane, keys=claim.partition_keys
                    )

    def _renew(self, claim: Claim) -> None:
        try:
            # A claim settled in this very moment is harmless to renew: its token is gone.
            self._inbox.renew(claim.lane, claim.token, claim.partition_keys)
        except RedisError as error:
            log.warning("lease not renewed", lane=claim.lane, error=str(error))
