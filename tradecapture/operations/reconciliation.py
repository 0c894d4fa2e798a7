"""Reconciliation: checks that every accepted trade has an outcome or still waits."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from tradecapture.inbox import InboxPartition
from tradecapture.ledger.queries.reader import OutcomeCount
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey


class ReconciledPartition(NamedTuple):
    """The numbers of one partition and epoch. The difference must be 0."""

    partition_key: PartitionKey
    epoch: int
    accepted: int
    captured: int
    duplicate: int
    rejected: int
    parked: int
    buffered: int  # in the ledger, until the lower upstream numbers have come
    waiting: int
    in_redis: bool  # False: Redis is in a later epoch; it was emptied, or a replica took over

    @property
    def difference(self) -> int:
        """How many accepted trades are missing; negative: recorded, but never accepted."""
        return self.accepted - (
            self.captured
            + self.duplicate
            + self.rejected
            + self.parked
            + self.buffered
            + self.waiting
        )


class _LedgerEpoch(NamedTuple):
    """What the ledger has of one partition and epoch."""

    outcomes: "Counter[Outcome]"
    first: int  # position
    last: int  # position


def reconcile(
    inboxes: Iterable[InboxPartition], counts: Iterable[OutcomeCount]
) -> list[ReconciledPartition]:
    """Compare accepted trades with their outcomes; one row for each partition and epoch.

    The caller reads the inboxes first and then the ledger, so that the result is right even while
    trades flow. Positions have no gaps: if the ledger reaches position L, it has L rows. Trades up
    to L that are still in the inbox are written but not completed, and are not counted as waiting.

    A replica that becomes the master begins a new epoch at the last position that it has. The
    ledger may have later positions of the epoch before, so some positions exist in both epochs.
    """
    in_ledger: dict[PartitionKey, dict[int, _LedgerEpoch]] = defaultdict(dict)
    for count in counts:
        epochs = in_ledger[count.partition_key]
        epoch = epochs.get(count.epoch, _LedgerEpoch(Counter(), count.first_position, 0))
        epoch.outcomes[count.outcome] += count.trades
        epochs[count.epoch] = epoch._replace(
            first=min(epoch.first, count.first_position),
            last=max(epoch.last, count.last_position),
        )
    in_redis = {row.partition_key: row for row in inboxes}
    return [
        reconciled
        for partition_key in sorted(in_ledger.keys() | in_redis.keys())
        for reconciled in _reconcile_epochs(
            partition_key, in_ledger[partition_key], in_redis.get(partition_key)
        )
    ]


def _reconcile_epochs(
    partition_key: PartitionKey, in_ledger: dict[int, _LedgerEpoch], inbox: InboxPartition | None
) -> Iterator[ReconciledPartition]:
    if inbox is not None:
        in_ledger.setdefault(inbox.epoch, _LedgerEpoch(Counter(), inbox.epoch_start + 1, 0))
    epochs = sorted(in_ledger)
    previous_last = 0  # the last position of the previous epoch in the ledger
    for epoch, next_epoch in zip_longest(epochs, epochs[1:]):
        outcomes, first, last = in_ledger[epoch]
        # Positions of this epoch: before its first one, its last one accepted, and the last one
        # that has left the inbox.
        began, accepted, completed = min(first - 1, previous_last), 0, 0
        if inbox is not None and inbox.epoch in (epoch, next_epoch):
            completed, accepted = inbox.accepted - inbox.waiting, inbox.epoch_start
            if inbox.epoch == epoch:
                began, accepted = inbox.epoch_start if epoch != epochs[0] else 0, inbox.accepted
        yield ReconciledPartition(
            partition_key=partition_key,
            epoch=epoch,
            accepted=max(accepted, last, began) - began,
            captured=outcomes[Outcome.CAPTURED],
            duplicate=outcomes[Outcome.DUPLICATE],
            rejected=outcomes[Outcome.REJECTED],
            parked=outcomes[Outcome.PARKED],
            buffered=outcomes[Outcome.BUFFERED],
            waiting=max(0, accepted - max(completed, last, began)),
            in_redis=inbox is not None and inbox.epoch == epoch,
        )
        previous_last = last
