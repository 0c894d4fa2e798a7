"""Faults: errors and cut connections at chosen moments."""

import random
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple


class Moment(Enum):
    """When a fault may happen."""

    CONNECT = "connect"
    BEGIN = "begin"
    EXECUTE = "execute"
    COMMIT = "commit"


class Fault(NamedTuple):
    """What goes wrong."""

    moment: Moment
    number: int | None = None  # SQL Server's error; None: the connection is cut
    done: bool = False  # the request is carried out, and only its answer is lost
    reset: bool = False  # the connection is reset, not closed
    matching: str = ""  # text that the statement must contain; empty: any statement


# Called at each moment with the statement; returns the fault to inject, or None.
Plan = Callable[[Moment, str], Fault | None]


def no_fault(moment: Moment, text: str) -> Fault | None:
    """Inject no fault."""
    return None


class FaultSequence:
    """Injects each fault once, in order, as soon as its moment comes."""

    def __init__(self, *faults: Fault) -> None:
        self._remaining = list(faults)
        self._lock = threading.Lock()

    def __call__(self, moment: Moment, text: str) -> Fault | None:
        """Return the next fault, if this is its moment."""
        with self._lock:
            if not self._remaining:
                return None
            first = self._remaining[0]
            if first.moment is not moment or first.matching.upper() not in text.upper():
                return None
            return self._remaining.pop(0)

    @property
    def remaining(self) -> int:
        """How many faults have not happened yet."""
        return len(self._remaining)


class RandomFaults:
    """Injects random faults, drawn by a seed, into a share of the transactions."""

    def __init__(self, seed: int, share: float, faults: Sequence[Fault], statements: int) -> None:
        """Prepare to draw.

        Args:
            seed: the same seed draws the same faults in the same order.
            share: of the transactions that get a fault, from 0 to 1.
            faults: to choose from.
            statements: that a transaction has, approximately; the fault hits one of them.
        """
        self._random = random.Random(seed)
        self._share, self._faults, self._statements = share, faults, statements
        self._drawn: dict[int, tuple[Fault, int]] = {}  # thread of the session -> fault, countdown
        self._lock = threading.Lock()
        self.injected: list[Fault] = []

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
            self.injected.append(fault)
            return fault
