"""Partition claims: an operator claims one partition in Redis, as a worker would."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tradecapture.capture.bell import Bell
from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.inbox import Claim, Completion, HoldKind, Inbox
from tradecapture.operations.action import ActionResult
from tradecapture.trades.partition import PartitionKey

# Trades that a claim reads. A worker that died before it completed its claim leaves trades in the
# inbox that the ledger has; they come before the halting trade, and no worker's claim has more.
MAX_TRADES = 10_000
POLL_INTERVAL_SECONDS = 0.05  # between two attempts to claim a partition that a worker has


class PartitionClaims:
    """Claims, completes and unholds partitions with a worker's lock, lease and fencing token."""

    def __init__(self, inbox: Inbox, bell: Bell, timeout_seconds: float) -> None:
        """Prepare.

        Args:
            inbox: to claim in.
            bell: to ring for partitions that may be captured again.
            timeout_seconds: how long to wait while a worker has the partition.
        """
        self._inbox, self._bell, self._timeout_seconds = inbox, bell, timeout_seconds

    def claim(
        self, partition_key: PartitionKey, who: str, max_trades: int = MAX_TRADES
    ) -> Claim | None:
        """Lock a partition and read its oldest trades.

        Args:
            partition_key: the partition.
            who: the operator.
            max_trades: how many trades to read.

        Returns:
            The claim; None: a worker had the partition for longer than the timeout.
        """
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            claim = self._inbox.claim_one(partition_key, f"operator-{who}", max_trades)
            if claim is not None or time.monotonic() >= deadline:
                return claim
            time.sleep(POLL_INTERVAL_SECONDS)

    def busy(self, partition_key: PartitionKey) -> ActionResult:
        """Return the result of an action whose partition could not be claimed."""
        return ActionResult(
            False,
            f"a worker has had a claim on {partition_key} for more than "
            f"{self._timeout_seconds:g} s: `tradecapture partitions show` says which worker; "
            "try again",
        )

    @contextmanager
    def renewing(self, claim: Claim) -> Iterator[None]:
        """Renew a claim's lease during a with block, as a worker does."""
        renewal = LeaseRenewer(self._inbox)
        renewal.start()
        try:
            with renewal.keep(claim):
                yield
        finally:
            renewal.stop()

    def release(self, claim: Claim, trades: int = 0, upstream_number: int = 0) -> bool:
        """Unlock a claimed partition and remove the trades that the ledger has.

        Args:
            claim: of the partition.
            trades: how many to remove, from the head on.
            upstream_number: that the partition has reached; 0: upstream numbers none.

        Returns:
            Whether it was done. False: the lease had ended, because this host stood still, and
            nothing was changed.
        """
        (claimed,) = claim.partitions
        completion = Completion(claimed.partition_key, trades, upstream_number=upstream_number)
        (is_valid,) = self._inbox.complete(claim.lane, claim.token, [completion])
        return is_valid

    def unhold(self, partition_key: PartitionKey, kind: HoldKind | None) -> None:
        """End a partition's hold in Redis and ring; a hold of another kind stays (None: any)."""
        self._bell.ring(self._inbox.unhold(partition_key, kind))
