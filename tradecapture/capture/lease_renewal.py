"""Lease renewal: keeps a claim's lease alive while its transaction runs. One thread a process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from tradecapture.inbox import Claim, Inbox

RENEWALS_A_LEASE = 3  # two may fail before the lease ends
# A minute with the default lease. A capture that takes longer hangs, for example on a network that
# drops everything. It can do no harm later: the fence refuses it once others have claimed.
MAX_LEASES = 12

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Active:
    claim: Claim
    renewals: int = 0


class LeaseRenewer:
    """Renews the leases of claims, three times a lease.

    A claim that ends within a third of its lease costs no renewal. A claim that lasts longer than
    twelve leases is no longer renewed, so that another worker can claim its partitions.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._interval_seconds = inbox.lease_seconds / RENEWALS_A_LEASE
        self._active: dict[str, _Active] = {}  # by token; more than one only in a pool of threads
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease renewal", daemon=True)

    def start(self) -> None:
        """Start the thread. Call it after the fork: threads do not survive one."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()

    @contextmanager
    def keep(self, claim: Claim) -> Iterator[None]:
        """Keep a claim's lease alive during a with block."""
        self._active[claim.token] = _Active(claim)
        try:
            yield
        finally:
            del self._active[claim.token]

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            for active in tuple(self._active.values()):
                active.renewals += 1
                if active.renewals < MAX_LEASES * RENEWALS_A_LEASE:
                    self._renew(active.claim)
                elif active.renewals == MAX_LEASES * RENEWALS_A_LEASE:
                    claim = active.claim
                    log.error(
                        "capture hangs; its lease ends", lane=claim.lane, keys=claim.partition_keys
                    )

    def _renew(self, claim: Claim) -> None:
        try:
            # If the claim has just been completed, its token is gone and this changes nothing.
            self._inbox.renew(claim.lane, claim.token, claim.partition_keys)
        except RedisError as error:
            log.warning("lease not renewed", lane=claim.lane, error=str(error))
