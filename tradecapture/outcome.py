"""The outcome: what became of an accepted trade. A value, never an exception."""

from enum import StrEnum


class Outcome(StrEnum):
    """How an accepted trade stands in the ledger; all but BUFFERED are final or an operator's."""

    CAPTURED = "CAPTURED"  # it changed the ledger
    DUPLICATE = "DUPLICATE"  # a trade with this id and content was captured before
    REJECTED = "REJECTED"  # its id was captured with other content, or its number has no turn
    PARKED = "PARKED"  # its capture fails every time; an operator decides
    BUFFERED = "BUFFERED"  # not an end: it waits in the ledger for upstream's lower numbers
