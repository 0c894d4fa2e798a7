"""A claim: the right to capture some partitions' trades, for the length of a lease."""

from typing import NamedTuple

from tradecapture.inbox.entry import Entry
from tradecapture.inbox.hold import Hold
from tradecapture.trades.partition import PartitionKey


class ClaimedPartition(NamedTuple):
    """A locked partition and the oldest trades that wait in it, in order."""

    partition_key: PartitionKey
    entries: tuple[Entry, ...]
    unreadable: str = ""  # why the entry after these cannot be read; empty: there is none such
    unreadable_entry: bytes = b""  # that entry, as Redis has it
    is_newer: bool = False  # a newer release reads that entry: it is not broken


class Claim(NamedTuple):
    """The partitions of one lane that one worker has locked."""

    lane: int
    token: str
    fence: int  # the fencing token: Redis time (us), greater than every earlier fence of the lane
    now_us: int  # Redis time in microseconds when the claim was made
    partitions: tuple[ClaimedPartition, ...]
    due_without_bell: int = 0  # partitions of the lane still due for which no bell was rung

    @property
    def partition_keys(self) -> list[PartitionKey]:
        """The keys of the claimed partitions."""
        return [claimed.partition_key for claimed in self.partitions]

    @property
    def trades(self) -> int:
        """How many trades were claimed."""
        return sum(len(claimed.entries) for claimed in self.partitions)


class Completion(NamedTuple):
    """What happened to a claimed partition: how many trades to remove, whether to hold it."""

    partition_key: PartitionKey
    trades: int  # from the oldest on: the ledger has them
    hold: str = ""  # why the fleet halts the partition; empty: it does not
    upstream_number: int = 0  # upstream's number that the ledger has reached; 0: none
    pause: Hold | None = None  # an operator's pause that the ledger knows; replaces `hold`
