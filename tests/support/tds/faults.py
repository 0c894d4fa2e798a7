"""Faults: errors and cut connections, put where a test wants them."""

import random
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple


class Moment(Enum):
    """When a fault may come."""

    CONNECT = "connect"
    BEGIN = "begin"
    EXECUTE = "execute"
    COMMIT = "commit"


class Fault(NamedTuple):
    """What goes wrong."""

    moment: Moment
    number: int | None = None  # SQL Server's error; None: the connection is cut
    done: bool = False  # what was asked for is done all the same; only the answer is lost
    reset: bool = False  # the connection is reset, not closed
    matching: str = ""  # words in the statement; empty: any


# Asked at each moment, with the statement; returns what goes wrong, or None.
Plan = Callable[[Moment, str], Fault | None]


def nothing(moment: Moment, text: str) -> Fault | None:
    """Let everything go well."""
    return None


class InTurn:
    """Each fault once, in the order given, as soon as its moment comes."""

    def __init__(self, *faults: Fault) -> None:
        self._waiting = list(faults)
        self._lock = threading.Lock()

    def __call__(self, moment: Moment, text: str) -> Fault | None:
        """Return the first of the waiting faults, if this is its moment."""
        with self._lock:
            if not self._waiting:
                return None
            first = self._waiting[0]
            if first.moment is not moment or first.matching.upper() not in text.upper():
                return None
            return self._waiting.pop(0)

    @property
    def left(self) -> int:
        """How many have not come yet."""
        return len(self._waiting)


class Dice:
    """Faults drawn by a seed, in a share of the transactions, at the moment that each names."""

    def __init__(self, seed: int, share: float, faults: Sequence[Fault], statements: int) -> None:
        """Throw for each transaction.

        Args:
            seed: the same one draws the same faults in the same order.
            share: of the transactions that get one, 0 to 1.
            faults: to choose from.
            statements: that a transaction has, about; one of them is hit.
        """
        self._random = random.Random(seed)
        self._share, self._faults, self._statements = share, faults, statements
        self._drawn: dict[int, tuple[Fault, int]] = {}  # thread of the session -> fault, countdown
        self._lock = threading.Lock()
        self.thrown: list[Fault] = []

    def __call__(self, moment: Moment, text: str) -> Fault | None:
        """Return the fault of this session's transaction, if this is its moment."""
        session = threading.get_ident()
        with self._lock:
            if moment is Moment.BEGIN:
                self._drawn.pop(session, None)
                if self._random.random() < self._share:
                    fault = self._random.choice(self._faults)
                    countdown = self._random.randrange(self._statements)
                    self._drawn[session] = (fault, countdown)
            if session not in self._drawn:
                return None
            fault, countdown = self._drawn[session]
            if fault.moment is not moment:
                return None
            if moment is Moment.EXECUTE and countdown:
                self._drawn[session] = (fault, countdown - 1)
                return None
            del self._drawn[session]
            self.thrown.append(fault)
            return fault
