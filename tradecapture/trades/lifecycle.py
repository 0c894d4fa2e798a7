"""The lifecycle of a trade: every state that a submitted trade can have.

    submitted ----> refused    A refusal: nothing of the trade is kept.
        |
        v
    ACCEPTED ----------------> It waits in its partition's inbox, in Redis. The receipt tells the
        |                      expected outcome.
        |  capture
        |-----> CAPTURED       Final: it changed the ledger.
        |-----> DUPLICATE      Final: the ledger already has this trade.
        |-----> REJECTED       An operator may replay it: its id belongs to another trade, or its
        |                      sequence number cannot be captured any more.
        |-----> PARKED         Its capture fails each time. The partition is halted until an
        |                      operator has the trade retried or skipped.
        `-----> BUFFERED       It waits in the ledger for lower sequence numbers of upstream. Then
                               it becomes CAPTURED.

Three types name these states at three moments: `ExpectedOutcome` at acceptance, `TradeState` when a
client asks, and `Outcome` in the ledger. An outcome is a value, never an exception.
"""

from enum import StrEnum


class ExpectedOutcome(StrEnum):
    """What the ledger is expected to do with an accepted trade, by upstream's sequence number."""

    ACCEPTED = "ACCEPTED"  # capture it: it is in order, or has no number
    BUFFERED = "BUFFERED"  # buffer it: lower numbers are missing
    REJECTED = "REJECTED"  # reject it: its number was passed, is taken, or is too far ahead


class TradeState(StrEnum):
    """Where an accepted trade is, for a client that asks. A duplicate was CAPTURED before."""

    ACCEPTED = "ACCEPTED"  # in its inbox
    CAPTURED = "CAPTURED"
    REJECTED = "REJECTED"
    PARKED = "PARKED"
    BUFFERED = "BUFFERED"


class Outcome(StrEnum):
    """What the ledger did with an accepted trade. CAPTURED and DUPLICATE are final."""

    CAPTURED = "CAPTURED"  # it changed the ledger
    DUPLICATE = "DUPLICATE"  # a trade with this id and content was captured before
    REJECTED = "REJECTED"  # another trade has its id, or its sequence number is out of turn
    PARKED = "PARKED"  # its capture fails each time; an operator decides
    BUFFERED = "BUFFERED"  # it waits in the ledger for upstream's lower numbers
