"""Reconciliation: every accepted trade is captured, buffered, rejected …, or it waits."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tradecapture.inbox import InboxPartition
from tradecapture.ledger.reader import OutcomeCount
from tradecapture.outcome import Outcome


class ReconciledPartition(NamedTuple):
    """The account of one partition and epoch. The difference must be 0."""

    partition: str
    epoch: int
    accepted: int
    captured: int
    duplicate: int
    rejected: int
    parked: int
    buffered: int  # in the ledger, until upstream's lower numbers have come
    waiting: int
    in_redis: bool  # False: an epoch of which only the ledger tells, because Redis was emptied

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


def reconcile(
    inboxes: Iterable[InboxPartition], counts: Iterable[OutcomeCount]
) -> list[ReconciledPartition]:
    """Compare what was accepted with what became of it, a partition and epoch a row.

    Read the inboxes first and the ledger after: then the account is right at any moment, while
    trades flow. Positions have no gaps, so a partition whose ledger reaches position L has L rows;
    trades up to L that are still in the inbox were written but not settled, and wait no more.
    """
    outcomes: dict[tuple[str, int], Counter[Outcome]] = defaultdict(Counter)
    reached: Counter[tuple[str, int]] = Counter()
    for count in counts:
        place = (count.partition, count.epoch)
        outcomes[place][count.outcome] += count.trades
        reached[place] = max(reached[place], count.last_position)
    in_redis = {(row.partition, row.epoch): row for row in inboxes}
    return [
        _account(place, outcomes[place], reached[place], in_redis.get(place))
        for place in sorted(outcomes.keys() | in_redis.keys())
    ]


def _account(
    place: tuple[str, int], ended: Counter[Outcome], reached: int, inbox: InboxPartition | None
) -> ReconciledPartition:
    accepted, waiting = reached, 0
    if inbox is not None:
        accepted = max(inbox.accepted, reached)
        settled = inbox.accepted - inbox.waiting
        waiting = max(0, inbox.accepted - max(settled, reached))
    return ReconciledPartition(
        partition=place[0],
        epoch=place[1],
        accepted=accepted,
        captured=ended[Outcome.CAPTURED],
        duplicate=ended[Outcome.DUPLICATE],
        rejected=ended[Outcome.REJECTED],
        parked=ended[Outcome.PARKED],
        buffered=ended[Outcome.BUFFERED],
        waiting=waiting,
        in_redis=inbox is not None,
    )
