"""What an operator asks for, and what came of it."""

from enum import StrEnum
from typing import NamedTuple

from tradecapture.outcome import Outcome


class Action(StrEnum):
    """What an operator may do."""

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"  # capture the parked trade that halts the partition
    SKIP = "skip"  # leave the trade at the head parked, and go on behind it
    RELEASE = "release"  # wait no longer for upstream's missing numbers
    REPLAY = "replay"  # accept a parked or rejected trade again, at the tail


class Request(NamedTuple):
    """What an operator asks for."""

    action: Action
    partition: str
    who: str
    why: str


class Deed(NamedTuple):
    """What came of a request."""

    done: bool  # False: nothing was changed, and the message says why
    message: str
    trade_id: str | None = None
    outcome: Outcome | None = None  # of that trade
    captured: int = 0  # trades captured by it
    written: int = 0  # trades that may leave the inbox
    upstream: int = 0  # upstream's number that the partition has reached then
