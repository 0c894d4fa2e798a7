"""Upstream's numbers: whether it is a trade's turn within its partition. Pure."""

from enum import Enum


class Turn(Enum):
    """Where a number stands, seen from the one that its partition has reached."""

    NOW = "now"
    LATER = "later"  # lower numbers are missing: it is buffered until they have come
    PASSED = "passed"  # the partition is past it
    TOO_FAR = "too far"  # more numbers are missing than the window has


def turn_of(number: int | None, upstream: int, window: int) -> Turn:
    """Return whether it is a trade's turn.

    Source of the rule: the HTTP contract. On an empty partition 1 is due.

    Args:
        number: upstream's number of the trade; None: it has none, and takes no turns.
        upstream: the number that the partition has reached.
        window: how far ahead of that a number may be.
    """
    if number is None or number == upstream + 1:
        return Turn.NOW
    if number <= upstream:
        return Turn.PASSED
    return Turn.LATER if number <= upstream + window else Turn.TOO_FAR
