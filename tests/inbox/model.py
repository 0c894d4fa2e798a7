"""The model: what the inboxes and the ledger of a few partitions must hold, in plain Python."""

from dataclasses import dataclass, field

from tradecapture.inbox import Claim


@dataclass
class Hand:
    """What a worker has of one partition that it claimed."""

    claim: Claim
    partition: str
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

    name: str
    accepted: list[str] = field(default_factory=list)  # trade ids; the first has position 1
    ledger: list[int] = field(default_factory=list)  # positions in the order of capture
    fence: int = 0  # of the newest claim that wrote
    settled: int = 0  # trades that left the inbox
    held: bool = False
    hands: list[Hand] = field(default_factory=list)

    @property
    def waiting(self) -> list[str]:
        """The ids that wait, in order."""
        return self.accepted[self.settled :]

    def owner(self, now: float) -> Hand | None:
        """Return the one whose lease holds."""
        owners = [hand for hand in self.hands if hand.is_owner(now)]
        assert len(owners) <= 1, f"{self.name} has two owners"
        return owners[0] if owners else None

    def write(self, hand: Hand, number: int) -> None:
        """Let the ledger take the first trades of a claim: fence first, then what is new."""
        if hand.claim.fence < self.fence:
            hand.stale = True
            return
        self.fence = hand.claim.fence
        hand.written = max(hand.written, number)
        known = set(self.ledger)
        self.ledger += [position for position in hand.positions[:number] if position not in known]
