"""The model: what the inboxes and the ledger of a few partitions must have, in plain Python."""

from dataclasses import dataclass, field

from tradecapture.inbox import Claim, Hold
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.partition import PartitionKey


@dataclass
class ModelClaim:
    """What a worker knows of one partition that it claimed."""

    claim: Claim
    partition_key: PartitionKey
    positions: list[int]  # of the trades that it read, in order
    lease_end: float  # virtual seconds
    written: int = 0  # how many of its trades it wrote to the ledger
    given_back: bool = False  # completed or postponed
    stale: bool = False  # the ledger refused it: a newer claim has written

    def is_owner(self, now: float) -> bool:
        """Return whether its lease has not ended."""
        return not self.given_back and self.lease_end > now


@dataclass
class ModelPartition:
    """One partition: what was accepted, what the ledger has, what has left the inbox."""

    partition_key: PartitionKey
    accepted: list[str] = field(default_factory=list)  # trade ids; the first has position 1
    ledger: list[int] = field(default_factory=list)  # positions in the order of capture
    fence: int = 0  # of the newest claim that wrote
    completed: int = 0  # trades that left the inbox
    hold: Hold | None = None
    reached: int = 0  # upstream's number that was in order last
    ahead: set[int] = field(default_factory=set)  # upstream's numbers that were accepted early
    claims: list[ModelClaim] = field(default_factory=list)

    @property
    def waiting(self) -> list[str]:
        """The ids of the waiting trades, in order."""
        return self.accepted[self.completed :]

    def owner(self, now: float) -> ModelClaim | None:
        """Return the claim whose lease has not ended."""
        owners = [claim for claim in self.claims if claim.is_owner(now)]
        assert len(owners) <= 1, f"{self.partition_key} has two owners"
        return owners[0] if owners else None

    def check_sequence(self, number: int, window: int) -> ExpectedOutcome:
        """Note that a numbered trade has come; return its expected outcome."""
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
        """Remove trades, note the number that the ledger has reached, and hold if not held."""
        self.completed += trades
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

    def write(self, claim: ModelClaim, number: int) -> None:
        """Write the first trades of a claim to the ledger: check the fence, add the new ones."""
        if claim.claim.fence < self.fence:
            claim.stale = True
            return
        self.fence = claim.claim.fence
        claim.written = max(claim.written, number)
        existing = set(self.ledger)
        self.ledger += [
            position for position in claim.positions[:number] if position not in existing
        ]
