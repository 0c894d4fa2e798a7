"""The ledger's state before a decision, and the rows that the decision writes."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from tradecapture.inbox import Entry
from tradecapture.ledger.rows import (
    EntryId,
    ExceptionRow,
    ExistingTrade,
    OutboxRow,
    PartitionRow,
    TradeRow,
)
from tradecapture.trades.partition import PartitionKey


class ExistingTrades(NamedTuple):
    """What the ledger already has under some trade ids."""

    trades: dict[str, ExistingTrade]  # trade id -> captured or buffered; a decision adds its own
    exceptions: Collection[EntryId]  # entries that have a row in `exceptions`

    def has(self, entry: Entry) -> bool:
        """Return whether the ledger already has this acceptance of a trade."""
        submission = entry.submission
        key, trade_id = submission.partition_key, submission.trade_id
        existing = self.trades.get(trade_id)
        if existing is not None and existing[:3] == (key, entry.epoch, entry.position):
            return True
        # This runs for every trade, and most claims have no exceptions.
        if not self.exceptions:
            return False
        return EntryId(key, entry.epoch, entry.position, trade_id) in self.exceptions


class LedgerState(NamedTuple):
    """What the ledger has of the partitions and trades of a claim."""

    partitions: Mapping[PartitionKey, PartitionRow]  # their rows, locked
    existing: ExistingTrades
    buffered: Mapping[PartitionKey, dict[int, ExceptionRow]]  # by upstream's number


class WriteSet:
    """The rows that a transaction writes."""

    def __init__(self) -> None:
        self.trades: list[TradeRow] = []
        self.exceptions: list[ExceptionRow] = []
        # Ids of the buffered trades whose rows leave `exceptions`, by partition.
        self.unbuffered: defaultdict[PartitionKey, list[str]] = defaultdict(list)
        self.outbox: list[OutboxRow] = []
        self.partitions: list[PartitionRow] = []
