"""What operators do: look at partitions, hold them and let them go, replay trades."""

from tradecapture.operations.action import WITH_REASON, problems_of
from tradecapture.operations.operations import Operations
from tradecapture.operations.overview import (
    MOST_PARTITIONS,
    MOST_WAITING,
    CloseLook,
    Standing,
    Standings,
    hold_of,
)
from tradecapture.operations.replay import Replay, Replayed, ReplayState

__all__ = [
    "MOST_PARTITIONS",
    "MOST_WAITING",
    "WITH_REASON",
    "CloseLook",
    "Operations",
    "Replay",
    "ReplayState",
    "Replayed",
    "Standing",
    "Standings",
    "hold_of",
    "problems_of",
]
