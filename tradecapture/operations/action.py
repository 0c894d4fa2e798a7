"""What an operator asks for, and what came of it."""

from enum import StrEnum
from typing import NamedTuple

from tradecapture.ledger.schema.tables import WHO_LENGTH
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.trade import utf16_length


class Action(StrEnum):
    """What an operator may do."""

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"  # capture the parked trade that halts the partition
    SKIP = "skip"  # leave the trade at the head parked, and go on behind it
    RELEASE = "release"  # wait no longer for upstream's missing numbers
    REPLAY = "replay"  # accept a parked or rejected trade again, at the tail


class ActionRequest(NamedTuple):
    """What an operator asks for."""

    action: Action
    partition_key: PartitionKey
    who: str
    why: str


class ActionResult(NamedTuple):
    """What came of a request."""

    done: bool  # False: nothing was changed, and the message says why
    message: str
    trade_id: str | None = None
    outcome: Outcome | None = None  # of that trade
    captured: int = 0  # trades captured by it
    written: int = 0  # trades that may leave the inbox
    upstream: int = 0  # upstream's number that the partition has reached then


# What an operator may do to one partition; a replay is of trades.
ACTIONS = (Action.PAUSE, Action.RESUME, Action.RETRY, Action.SKIP, Action.RELEASE)


WHY_LENGTH = 500  # characters of an operator's reason
# Actions that take something from a trade or a partition: nobody may do them without a reason.
REASON_REQUIRED = (Action.PAUSE, Action.SKIP, Action.RELEASE, Action.REPLAY)


def reason_problems(who: str, why: str, action: Action) -> list[tuple[str, str]]:
    """Return what is wrong with an operator's name or reason: field, and what to give."""
    problems = []
    if not (0 < utf16_length(who) <= WHO_LENGTH and who.isprintable() and ":" not in who):
        what = f"give a name of 1 to {WHO_LENGTH} printable characters without a colon"
        problems.append(("by", what))
    if not (len(why) <= WHY_LENGTH and why.isprintable()):
        problems.append(("why", f"give at most {WHY_LENGTH} printable characters"))
    elif action in REASON_REQUIRED and not why.strip():
        problems.append(("why", f"say why: a {action} needs a reason, which is kept in the audit"))
    return problems
