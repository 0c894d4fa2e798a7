"""Operations: everything that operators do: hold partitions, deal with parked trades, replay."""

from tradecapture.operations.action import (
    PARTITION_ACTIONS,
    REASON_REQUIRED,
    Action,
    ActionRequest,
    ActionResult,
    reason_problems,
)
from tradecapture.operations.operators import Operator, open_operator
from tradecapture.operations.overview import MAX_PARTITIONS, MAX_WAITING, PartitionDetail
from tradecapture.operations.replay import Replayed, ReplayRequest, ReplayState, replay_pages

__all__ = [
    "MAX_PARTITIONS",
    "MAX_WAITING",
    "PARTITION_ACTIONS",
    "REASON_REQUIRED",
    "Action",
    "ActionRequest",
    "ActionResult",
    "Operator",
    "PartitionDetail",
    "ReplayRequest",
    "ReplayState",
    "Replayed",
    "open_operator",
    "reason_problems",
    "replay_pages",
]
