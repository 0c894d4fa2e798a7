"""The evidence: what a deployment holds after a history."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tradecapture.trades.lifecycle import Outcome


class CapturedTrade(NamedTuple):
    """A trade as the ledger has it."""

    trade_id: str
    partition: str
    sequence: int  # within the partition, from 1
    epoch: int
    position: int
    digest: str  # worked out from the document that the ledger holds


class RecordedTrade(NamedTuple):
    """An accepted trade that was recorded as not captured."""

    trade_id: str
    partition: str
    epoch: int
    position: int
    digest: str
    outcome: Outcome


class Evidence(NamedTuple):
    """The ledger and the inboxes."""

    captured: Sequence[CapturedTrade]
    recorded: Sequence[RecordedTrade]
    waiting: Mapping[str, int]  # trade id -> position
    counted: Mapping[str, int]  # partition -> trades that its row counts
    replayed: Collection[str] = ()  # ids of recorded trades that an operator had accepted again
