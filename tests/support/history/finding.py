"""A finding: one thing that is wrong with a history and what came of it."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What can be wrong."""

    LOST = "lost"  # accepted, and nowhere
    DOUBLED = "doubled"  # two effects of one trade
    REORDERED = "reordered"  # stands after one that was sent, or accepted, later
    REUSED = "reused"  # a position or a ledger sequence was given to two trades
    INVENTED = "invented"  # there, although it was never sent, or each time refused
    WRONG_RECEIPT = "wrong receipt"  # a receipt names another position than the ledger
    CHANGED = "changed"  # another document or partition than was sent


class Finding(NamedTuple):
    """One thing that is wrong."""

    kind: Kind
    subject: str  # a trade id; a partition where its row counts wrongly
    detail: str
