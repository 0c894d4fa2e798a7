"""A standing: how one partition stands, in the ledger and in Redis."""

from typing import NamedTuple

from tradecapture.inbox import Hold, HoldKind, InboxPartition
from tradecapture.ledger import PartitionRow


class Standing(NamedTuple):
    """How a partition stands, in the ledger and in Redis."""

    row: PartitionRow | None  # None: the ledger has nothing of it
    inbox: InboxPartition | None  # None: Redis has accepted nothing of it
    hold: Hold | None  # in Redis

    @property
    def is_known(self) -> bool:
        """Whether any trade of the partition was ever accepted."""
        return self.row is not None or self.inbox is not None

    @property
    def is_halted(self) -> bool:
        """Whether a parked trade halts it, as the ledger says."""
        return self.row is not None and self.row.halted_reason is not None

    @property
    def is_paused(self) -> bool:
        """Whether an operator has paused it, as the ledger or Redis says."""
        return (self.row is not None and self.row.paused_reason is not None) or (
            self.hold is not None and self.hold.kind is HoldKind.PAUSED
        )


def hold_of(standing: Standing) -> Hold | None:
    """Return why a partition is held: as Redis says, or the ledger where Redis was emptied."""
    row = standing.row
    if standing.hold is not None or row is None:
        return standing.hold
    if row.paused_reason is not None:
        return Hold.paused(row.paused_reason)
    return Hold.halt(row.halted_reason) if row.halted_reason is not None else None
