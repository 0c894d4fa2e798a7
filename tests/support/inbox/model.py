"""The model: what the inboxes and the ledger of a few partitions must hold, in plain Python."""

from dataclasses import dataclass, field

from tradecapture.inbox import Claim, Hold
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.partition import PartitionKey


@dataclass
class Hand:
    """What a worker has of one partition that it claimed."""

    claim: Claim
    partition_key: PartitionKey
    positions: list[int]  # of the trades that it read, in order
    lease_end: float  # virtual seconds
    written: int = 0  # of its trades, how many it knows the ledger to have
    given_back: bool = False  # settled or postponed
    stale: bool = False  # the ledger told it that a newer claim had written

    def is_owner(self, now: float) -> bool:
        """Return whether its lease holds."""
        return not self.given_back and self.lease_end > now


@dataclass
class ModelPartition:
    """One partition: what was accepted, what the ledger has, what has left the inbox."""

    partition_key: PartitionKey
    accepted: list[str] = field(default_factory=list)  # trade ids; the first has position 1
    ledger: list[int] = field(default_factory=list)  # positions in the order of capture
    fence: int = 0  # of the newest claim that wrote
    settled: int = 0  # trades that left the inbox
    hold: Hold | None = None
    reached: int = 0  # upstream's number that was in order last
    ahead: set[int] = field(default_factory=set)  # those that were accepted before their turn
    hands: list[Hand] = field(default_factory=list)

    @property
    def waiting(self) -> list[str]:
        """The ids that wait, in order."""
        return self.accepted[self.settled :]

    def owner(self, now: float) -> Hand | None:
        """Return the one whose lease holds."""
        owners = [hand for hand in self.hands if hand.is_owner(now)]
        assert len(owners) <= 1, f"{self.partition_key} has two owners"
        return owners[0] if owners else None

    def stand(self, number: int, window: int) -> ExpectedOutcome:
        """Return how a trade with a number of upstream's stands, and note that it came."""
        taken = number in self.ahead
        if taken or not self.reached < number <= self.reached + window:
            return ExpectedOutcome.REJECTED
        if number > self.reached + 1:
            self.ahead.add(number)
            return ExpectedOutcome.BUFFERED
        self.reached = number
        self._follow()
        return ExpectedOutcome.ACCEPTED

    def complete(self, trades: int, upstream: int, halt: Hold | None) -> None:
        """Let trades leave, note where the ledger is, and hold unless it is held."""
        self.settled += trades
        self.hold = self.hold or halt
        if upstream and (not self.waiting or upstream > self.reached):
            self.reached = upstream
            self.ahead = {number for number in self.ahead if number > upstream}
            if self.waiting:
                self._follow()

    def _follow(self) -> None:
        while self.reached + 1 in self.ahead:
            self.reached += 1
            self.ahead.remove(self.reached)

    def write(self, hand: Hand, number: int) -> None:
        """Let the ledger take the first trades of a claim: fence first, then what is new."""
        if hand.claim.fence < self.fence:
            hand.stale = True
            return
        self.fence = hand.claim.fence
        hand.written = max(hand.written, number)
        known = set(self.ledger)
        self.ledger += [position for position in hand.positions[:number] if position not in known]
