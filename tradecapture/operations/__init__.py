"""What operators do: look at partitions, hold them and let them go, replay trades."""

from tradecapture.operations.action import REASON_REQUIRED, reason_problems
from tradecapture.operations.operations import Operations
from tradecapture.operations.overview import (
    MAX_PARTITIONS,
    MAX_WAITING,
    PartitionDetail,
    PartitionOverview,
    PartitionState,
    effective_hold,
)
from tradecapture.operations.replay import Replay, Replayed, ReplayState

__all__ = [
    "MAX_PARTITIONS",
    "MAX_WAITING",
    "REASON_REQUIRED",
    "PartitionDetail",
    "Operations",
    "Replay",
    "ReplayState",
    "Replayed",
    "PartitionState",
    "PartitionOverview",
    "effective_hold",
    "reason_problems",
]
