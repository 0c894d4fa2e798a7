"""The outcome: what became of an accepted trade. A value, never an exception."""

from enum import StrEnum


class ExpectedOutcome(StrEnum):
    """Where an accepted trade stands by upstream's number, as the ledger is expected to judge."""

    ACCEPTED = "ACCEPTED"  # in order, or not numbered
    BUFFERED = "BUFFERED"  # ahead of its turn: captured when the missing numbers have come
    REJECTED = "REJECTED"  # its number was passed, is taken, or is too far ahead


class TradeState(StrEnum):
    """Where an accepted trade is on its way."""

    ACCEPTED = "ACCEPTED"  # safe in its inbox, waiting
    CAPTURED = "CAPTURED"
    REJECTED = "REJECTED"
    PARKED = "PARKED"
    BUFFERED = "BUFFERED"  # safe in the ledger, until upstream's lower numbers have come


class Outcome(StrEnum):
    """How an accepted trade stands in the ledger; all but BUFFERED are final or an operator's."""

    CAPTURED = "CAPTURED"  # it changed the ledger
    DUPLICATE = "DUPLICATE"  # a trade with this id and content was captured before
    REJECTED = "REJECTED"  # its id was captured with other content, or its number has no turn
    PARKED = "PARKED"  # its capture fails every time; an operator decides
    BUFFERED = "BUFFERED"  # not an end: it waits in the ledger for upstream's lower numbers
