"""The trades that a deployment holds at the end of a history, as input of the checker."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tradecapture.trades.lifecycle import Outcome


class CapturedTrade(NamedTuple):
    """A captured trade in the ledger."""

    trade_id: str
    partition: str
    sequence: int  # within the partition, from 1
    epoch: int
    position: int
    digest: str  # computed from the document in the ledger


class RecordedTrade(NamedTuple):
    """An accepted trade that was recorded as not captured."""

    trade_id: str
    partition: str
    epoch: int
    position: int
    digest: str
    outcome: Outcome


class Evidence(NamedTuple):
    """The content of the ledger and the inboxes."""

    captured: Sequence[CapturedTrade]
    recorded: Sequence[RecordedTrade]
    waiting: Mapping[str, int]  # trade id -> position
    counted: Mapping[str, int]  # partition -> number of trades in its row
    replayed: Collection[str] = ()  # ids of recorded trades that an operator has replayed
