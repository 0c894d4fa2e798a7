"""Reconciliation: every accepted trade is captured, buffered, rejected …, or it waits."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from tradecapture.inbox import InboxPartition
from tradecapture.ledger.queries.reader import OutcomeCount
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey


class ReconciledPartition(NamedTuple):
    """The account of one partition and epoch. The difference must be 0."""

    partition_key: PartitionKey
    epoch: int
    accepted: int
    captured: int
    duplicate: int
    rejected: int
    parked: int
    buffered: int  # in the ledger, until upstream's lower numbers have come
    waiting: int
    in_redis: bool  # False: not the epoch of Redis now, which was emptied, or a replica followed

    @property
    def difference(self) -> int:
        """Accepted trades that are nowhere; negative: recorded, but never accepted."""
        return self.accepted - (
            self.captured
            + self.duplicate
            + self.rejected
            + self.parked
            + self.buffered
            + self.waiting
        )


class _Ended(NamedTuple):
    """What the ledger has of one partition and epoch."""

    outcomes: "Counter[Outcome]"
    first: int  # position
    last: int  # position


def reconcile(
    inboxes: Iterable[InboxPartition], counts: Iterable[OutcomeCount]
) -> list[ReconciledPartition]:
    """Compare what was accepted with what became of it, a partition and epoch a row.

    Read the inboxes first and the ledger after: then the account is right at any moment, while
    trades flow. Positions have no gaps, so a partition whose ledger reaches position L has L rows;
    trades up to L that are still in the inbox were written but not settled, and wait no more.

    When a replica takes the master's place a new epoch begins, at the position that it knew. The
    ledger may have more of the epoch before, so that some positions are in both.
    """
    ended: dict[PartitionKey, dict[int, _Ended]] = defaultdict(dict)
    for count in counts:
        epochs = ended[count.partition_key]
        so_far = epochs.get(count.epoch, _Ended(Counter(), count.first_position, 0))
        so_far.outcomes[count.outcome] += count.trades
        epochs[count.epoch] = so_far._replace(
            first=min(so_far.first, count.first_position),
            last=max(so_far.last, count.last_position),
        )
    in_redis = {row.partition_key: row for row in inboxes}
    return [
        account
        for partition_key in sorted(ended.keys() | in_redis.keys())
        for account in _accounts(partition_key, ended[partition_key], in_redis.get(partition_key))
    ]


def _accounts(
    partition_key: PartitionKey, ended: dict[int, _Ended], inbox: InboxPartition | None
) -> Iterator[ReconciledPartition]:
    if inbox is not None:
        ended.setdefault(inbox.epoch, _Ended(Counter(), inbox.began + 1, 0))
    epochs = sorted(ended)
    before = 0  # the position that the epoch before has reached
    for epoch, following in zip_longest(epochs, epochs[1:]):
        outcomes, first, last = ended[epoch]
        # What Redis knows of this epoch: where it began, how far it went, what has left the inbox.
        began, accepted, settled = min(first - 1, before), 0, 0
        if inbox is not None and inbox.epoch in (epoch, following):
            settled, accepted = inbox.accepted - inbox.waiting, inbox.began
            if inbox.epoch == epoch:
                began, accepted = inbox.began if epoch != epochs[0] else 0, inbox.accepted
        yield ReconciledPartition(
            partition_key=partition_key,
            epoch=epoch,
            accepted=max(accepted, last, began) - began,
            captured=outcomes[Outcome.CAPTURED],
            duplicate=outcomes[Outcome.DUPLICATE],
            rejected=outcomes[Outcome.REJECTED],
            parked=outcomes[Outcome.PARKED],
            buffered=outcomes[Outcome.BUFFERED],
            waiting=max(0, accepted - max(settled, last, began)),
            in_redis=inbox is not None and inbox.epoch == epoch,
        )
        before = last
