"""What is known: the places where the ledger has some trade ids already."""

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from tradecapture.inbox import Entry
from tradecapture.ledger.rows import ExceptionRow, KnownTrade, OutboxRow, PartitionRow, TradeRow


class WriteSet:
    """The rows that a judgement writes."""

    def __init__(self) -> None:
        self.trades: list[TradeRow] = []
        self.exceptions: list[ExceptionRow] = []
        # partition -> ids of its trades that leave the buffer
        self.released: defaultdict[str, list[str]] = defaultdict(list)
        self.outbox: list[OutboxRow] = []
        self.partitions: list[PartitionRow] = []


EntryId = tuple[str, int, int, str]  # partition, epoch, position, trade id


class ExistingTrades(NamedTuple):
    """What the ledger has already under the trade ids that are judged."""

    trades: dict[str, KnownTrade]  # trade id -> where it is captured or buffered; grows
    recorded: Collection[EntryId]  # accepted trades that were recorded as not captured, or not yet

    def has(self, entry: Entry) -> bool:
        """Return whether this very acceptance of a trade is in the ledger already."""
        submission = entry.submission
        place = (submission.partition_key, entry.epoch, entry.position)
        first = self.trades.get(submission.trade_id)
        return (*place, submission.trade_id) in self.recorded or (
            first is not None and first[:3] == place
        )
