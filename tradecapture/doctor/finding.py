"""The finding: one thing that `tradecapture doctor` checked, how good it is, and its cure."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType


class BudgetLine(Struct, frozen=True):
    """The connections that all processes of one kind hold."""

    what: str  # the kind of process
    number: int  # of processes
    each: int  # connections of one process, at most

    @property
    def connections(self) -> int:
        """Connections of all these processes, at most."""
        return self.number * self.each


class Level(StrEnum):
    """How good a finding is."""

    OK = "OK"
    WARN = "WARN"  # works, but less safe or slower than it could be
    FAIL = "FAIL"  # trades can be lost, or are not captured


class Finding(Struct, frozen=True):
    """One thing that was checked."""

    level: Level
    subject: str
    message: str
    cure: str = ""  # empty if the level is OK
    lines: Sequence[BudgetLine] | UnsetType = UNSET  # only a connection budget has them


def finding(subject: str, message: str, level: Level, cure: str) -> Finding:
    """Return a finding; one whose level is OK needs no cure and gets none."""
    return Finding(level, subject, message, "" if level is Level.OK else cure)
