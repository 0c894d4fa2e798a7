"""A claim: the right to capture some partitions' trades, for the length of a lease."""

from typing import NamedTuple

from tradecapture.inbox.entry import Entry


class ClaimedPartition(NamedTuple):
    """A locked partition and the oldest trades that wait in it, in order."""

    partition: str
    entries: tuple[Entry, ...]
    unreadable: str = ""  # why the entry after these cannot be read; empty: nothing is wrong


class Claim(NamedTuple):
    """Partitions of one lane that one worker holds."""

    lane: int
    token: str
    fence: int  # Redis time in microseconds, greater than that of every earlier claim of the lane
    now_us: int  # Redis time in microseconds when the claim was made
    partitions: tuple[ClaimedPartition, ...]

    @property
    def keys(self) -> list[str]:
        """The keys of the claimed partitions."""
        return [claimed.partition for claimed in self.partitions]

    @property
    def trades(self) -> int:
        """How many trades were claimed."""
        return sum(len(claimed.entries) for claimed in self.partitions)


class Settlement(NamedTuple):
    """What became of a claimed partition: how many trades to remove, and whether to hold it."""

    partition: str
    written: int
    hold: str = ""  # why the partition is to be held; empty: it is not
