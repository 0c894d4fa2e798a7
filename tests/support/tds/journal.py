"""The journal: what clients asked the stand-in to do, in order, for tests to read."""

import threading
from collections import deque
from typing import NamedTuple

MAX_ENTRIES = 200_000  # more than a whole test session needs; bounds the memory of a lasting server


class Entry(NamedTuple):
    """An event of a session."""

    session: int
    what: str  # connect, begin, statement, alone, commit, rollback, cut, error N


class Journal:
    """The entries of all sessions, and the statements that SQL Server would refuse."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self.refusals: list[tuple[str, str]] = []  # why, statement
        self._lock = threading.Lock()

    def note(self, session: int, what: str) -> None:
        """Add an entry."""
        with self._lock:
            self.entries.append(Entry(session, what))

    def note_refusal(self, why: str, statement: str) -> None:
        """Add a statement that SQL Server would have refused."""
        with self._lock:
            self.refusals.append((why, statement))

    def count(self, what: str) -> int:
        """Return how many entries of a kind there are."""
        return sum(entry.what == what for entry in list(self.entries))

    def clear(self) -> None:
        """Remove all entries and refusals."""
        with self._lock:
            self.entries.clear()
            self.refusals.clear()
