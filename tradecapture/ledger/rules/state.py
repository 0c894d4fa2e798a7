"""What is known: the places where the ledger has some trade ids already."""

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from tradecapture.inbox import Entry
from tradecapture.ledger.rows import (
    EntryId,
    ExceptionRow,
    KnownTrade,
    OutboxRow,
    PartitionRow,
    TradeRow,
)
from tradecapture.trades.partition import PartitionKey


class WriteSet:
    """The rows that a judgement writes."""

    def __init__(self) -> None:
        self.trades: list[TradeRow] = []
        self.exceptions: list[ExceptionRow] = []
        # partition -> ids of its trades that leave the buffer
        self.released: defaultdict[PartitionKey, list[str]] = defaultdict(list)
        self.outbox: list[OutboxRow] = []
        self.partitions: list[PartitionRow] = []


class ExistingTrades(NamedTuple):
    """What the ledger has already under the trade ids that are judged."""

    trades: dict[str, KnownTrade]  # trade id -> where it is captured or buffered; grows
    recorded: Collection[EntryId]  # accepted trades that were recorded as not captured, or not yet

    def has(self, entry: Entry) -> bool:
        """Return whether this very acceptance of a trade is in the ledger already."""
        submission = entry.submission
        entry_id = EntryId(
            submission.partition_key, entry.epoch, entry.position, submission.trade_id
        )
        existing = self.trades.get(submission.trade_id)
        return entry_id in self.recorded or (existing is not None and existing[:3] == entry_id[:3])
