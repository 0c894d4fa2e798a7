"""A claim: the right to capture some partitions' trades, for the length of a lease."""

from typing import NamedTuple

from tradecapture.inbox.entry import Entry
from tradecapture.inbox.hold import Hold
from tradecapture.trades.partition import PartitionKey


class ClaimedPartition(NamedTuple):
    """A locked partition and the oldest trades that wait in it, in order."""

    partition_key: PartitionKey
    entries: tuple[Entry, ...]
    unreadable: str = ""  # why the entry after these cannot be read; empty: nothing is wrong
    head: bytes = b""  # that entry as it stands in the inbox
    is_newer: bool = False  # a newer release reads it: nothing is wrong but the release of this one


class Claim(NamedTuple):
    """Partitions of one lane that one worker holds."""

    lane: int
    token: str
    fence: int  # Redis time in microseconds, greater than that of every earlier claim of the lane
    now_us: int  # Redis time in microseconds when the claim was made
    partitions: tuple[ClaimedPartition, ...]
    due_without_bell: int = (
        0  # partitions of the lane that were left due, and that no bell calls for
    )

    @property
    def partition_keys(self) -> list[PartitionKey]:
        """The keys of the claimed partitions."""
        return [claimed.partition_key for claimed in self.partitions]

    @property
    def trades(self) -> int:
        """How many trades were claimed."""
        return sum(len(claimed.entries) for claimed in self.partitions)


class Completion(NamedTuple):
    """What became of a claimed partition: how many trades to remove, and whether to hold it."""

    partition_key: PartitionKey
    written: int
    hold: str = ""  # why the fleet halts the partition; empty: it does not
    upstream: int = 0  # upstream's number that the ledger has reached; 0: it numbers none
    pause: Hold | None = None  # an operator's, of which the ledger knows; it goes before `hold`
