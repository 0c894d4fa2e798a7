"""The outcome: what became of an accepted trade. A value, never an exception."""

from enum import StrEnum


class Outcome(StrEnum):
    """How an accepted trade ends."""

    CAPTURED = "CAPTURED"  # it changed the ledger
    DUPLICATE = "DUPLICATE"  # a trade with this id and content was captured before
    REJECTED = "REJECTED"  # a trade with this id and other content was captured before
    PARKED = "PARKED"  # its capture fails every time; an operator decides
