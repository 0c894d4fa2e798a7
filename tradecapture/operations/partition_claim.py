"""Hands: an operator's side of Redis: take a partition, give it back, let it go."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tradecapture.capture.bell import Bell
from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.inbox import Claim, Completion, HoldKind, Inbox
from tradecapture.operations.action import ActionResult
from tradecapture.trades.partition import PartitionKey

# Trades that a take reads: those that a dead worker captured and did not settle stand before the
# halting one, and no claim has more.
TAKEN_TRADES = 10_000
TAKE_WAIT_SECONDS = 0.05  # between two attempts to take a partition that a worker has in hand


class PartitionClaims:
    """What an operator does in Redis, with the lock, the lease and the fence of a worker."""

    def __init__(self, inbox: Inbox, bell: Bell, patience_seconds: float) -> None:
        """Prepare.

        Args:
            inbox: to take and to release in.
            bell: to ring for what moves again.
            patience_seconds: how long to wait for a partition that a worker has in hand.
        """
        self._inbox, self._bell, self._patience_seconds = inbox, bell, patience_seconds

    def claim(
        self, partition_key: PartitionKey, who: str, trades: int = TAKEN_TRADES
    ) -> Claim | None:
        """Lock a partition and read its oldest trades; None: a worker has it for too long.

        Args:
            partition_key: the partition.
            who: the operator.
            trades: how many to read, at most.
        """
        deadline = time.monotonic() + self._patience_seconds
        while True:
            claim = self._inbox.claim_one(partition_key, f"operator-{who}", trades)
            if claim is not None or time.monotonic() >= deadline:
                return claim
            time.sleep(TAKE_WAIT_SECONDS)

    def busy(self, partition_key: PartitionKey) -> ActionResult:
        """Return what to answer where a partition could not be taken."""
        return ActionResult(
            False,
            f"a worker has {partition_key} in hand for more than {self._patience_seconds:g} s: "
            "look who (`tradecapture partitions show`), and try again",
        )

    @contextmanager
    def renewing(self, claim: Claim) -> Iterator[None]:
        """Keep a taken partition's lease alive for the length of a with block, as a worker does."""
        renewal = LeaseRenewer(self._inbox)
        renewal.start()
        try:
            with renewal.keep(claim):
                yield
        finally:
            renewal.stop()

    def give_back(self, claim: Claim, written: int = 0, upstream: int = 0) -> bool:
        """Unlock a taken partition, less the trades that the ledger has.

        False: its lease was lost, because this host stood still; nothing was changed.
        """
        (claimed,) = claim.partitions
        completion = Completion(claimed.partition_key, written, upstream=upstream)
        (kept,) = self._inbox.complete(claim.lane, claim.token, [completion])
        return kept

    def unhold(self, partition_key: PartitionKey, kind: HoldKind | None) -> None:
        """Let a partition be claimed again, if its hold is of this kind (None: of any); ring."""
        self._bell.ring(self._inbox.unhold(partition_key, kind))
