"""Actions: what an operator may do, a request for it, and its result."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from tradecapture.ledger import AuditRow
from tradecapture.ledger.schema.tables import WHO_LENGTH
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.trade import utf16_length

WHY_LENGTH = 500  # characters of an operator's reason


class Action(StrEnum):
    """What an operator may do."""

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"  # capture the parked trade that halts the partition
    SKIP = "skip"  # leave the trade at the head parked, and go on with the next one
    RELEASE = "release"  # wait no longer for missing upstream numbers
    REPLAY = "replay"  # accept a parked or rejected trade again, at the end of its partition


# The actions on a partition. A replay acts on trades.
PARTITION_ACTIONS = (Action.PAUSE, Action.RESUME, Action.RETRY, Action.SKIP, Action.RELEASE)
# These stop a partition, or change what becomes of a trade: the audit must say why.
REASON_REQUIRED = (Action.PAUSE, Action.SKIP, Action.RELEASE, Action.REPLAY)


class ActionRequest(NamedTuple):
    """A request for an action on one partition."""

    action: Action
    partition_key: PartitionKey
    who: str
    why: str


class ActionResult(NamedTuple):
    """The result of a request."""

    done: bool  # False: nothing was changed, and the message says why
    message: str
    trade_id: str | None = None
    outcome: Outcome | None = None  # of that trade
    captured: int = 0  # trades that the action captured
    completed: int = 0  # trades, from the oldest on, that the ledger has: they leave the inbox
    upstream_number: int = 0  # that the partition has reached; 0: upstream numbers none


def reason_problems(who: str, why: str, action: Action) -> list[tuple[str, str]]:
    """Check an operator's name and reason.

    Returns:
        Each problem as (field, what to give instead). The fields are `by` and `why`.
    """
    problems = []
    if not (0 < utf16_length(who) <= WHO_LENGTH and who.isprintable() and ":" not in who):
        # The note of a pause is "who: why", so a name cannot hold a colon.
        what = f"give a name of 1 to {WHO_LENGTH} printable characters without a colon"
        problems.append(("by", what))
    if not (len(why) <= WHY_LENGTH and why.isprintable()):
        problems.append(("why", f"give at most {WHY_LENGTH} printable characters"))
    elif action in REASON_REQUIRED and not why.strip():
        problems.append(("why", f"give a reason: a {action} needs one, and the audit keeps it"))
    return problems


def audit_row(
    request: ActionRequest,
    done_at: datetime,
    result: str,
    *,
    trade_id: str | None = None,
    epoch: int | None = None,
    position: int | None = None,
) -> AuditRow:
    """Return the audit row of an action, with the trade that it was about, if there was one."""
    return AuditRow(
        done_at=done_at,
        who=request.who,
        action=request.action.value,
        partition_key=request.partition_key,
        trade_id=trade_id,
        epoch=epoch,
        position=position,
        why=request.why,
        result=result,
    )
