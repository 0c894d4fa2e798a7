"""A finding of `doctor`: what was looked at, how it stands, and the cure."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType


class BudgetLine(Struct, frozen=True):
    """What one kind of process holds."""

    what: str
    number: int
    each: int  # connections, at most

    @property
    def connections(self) -> int:
        """How many all of them hold, at most."""
        return self.number * self.each


class Level(StrEnum):
    """How a finding stands."""

    OK = "OK"
    WARN = "WARN"  # works, but less safe or slower than it could be
    FAIL = "FAIL"  # trades can be lost, or are not captured


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    subject: str
    message: str
    cure: str = ""
    lines: Sequence[BudgetLine] | UnsetType = UNSET  # of a connection budget


def finding(subject: str, message: str, bad: Level | None, cure: str) -> Finding:
    """Return a finding: OK without a cure, or the bad level with it."""
    if bad is None:
        return Finding(Level.OK, subject, message)
    return Finding(bad, subject, message, cure)
