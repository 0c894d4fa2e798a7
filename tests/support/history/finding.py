"""The problems that the checker of a history reports."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The kinds of problem."""

    LOST = "lost"  # a trade was accepted and is neither in an inbox nor in the ledger
    DOUBLED = "doubled"  # a trade is captured or recorded twice
    REORDERED = "reordered"  # a trade comes after one that was sent, or accepted, later
    REUSED = "reused"  # two trades have the same position or ledger sequence
    INVENTED = "invented"  # a trade is held that was never sent, or was refused each time
    WRONG_RECEIPT = "wrong receipt"  # the receipt and the ledger have different positions
    CHANGED = "changed"  # a trade is held with another document or partition than was sent


class Finding(NamedTuple):
    """One problem."""

    kind: Kind
    subject: str  # a trade id, or a partition if the count in its row is wrong
    detail: str
