"""The journal: what a server was asked, in order, for tests to look at."""

import threading
from collections import deque
from typing import NamedTuple

LONGEST = 200_000  # entries; a whole test session has fewer, a forgotten server must not grow


class Entry(NamedTuple):
    """Something that a session did."""

    session: int
    what: str  # connect, begin, statement, alone, commit, rollback, cut, error N


class Journal:
    """Entries of all sessions, and the statements that SQL Server would refuse."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=LONGEST)
        self.refusals: list[tuple[str, str]] = []  # why, statement
        self._lock = threading.Lock()

    def note(self, session: int, what: str) -> None:
        """Add an entry."""
        with self._lock:
            self.entries.append(Entry(session, what))

    def refused(self, why: str, statement: str) -> None:
        """Add a statement that SQL Server would not have run."""
        with self._lock:
            self.refusals.append((why, statement))

    def count(self, what: str) -> int:
        """Return how often something was done."""
        return sum(entry.what == what for entry in list(self.entries))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.entries.clear()
            self.refusals.clear()
