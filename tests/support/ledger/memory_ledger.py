"""A ledger in memory: applies the rules without a database, quick enough for many histories."""

from tests.support.builders import NOW
from tradecapture.inbox import Claim
from tradecapture.ledger.rows import (
    EntryId,
    ExceptionRow,
    ExistingTrade,
    PartitionRow,
    TradeRow,
    new_partition,
)
from tradecapture.ledger.rules.decision import PartitionResult, decide
from tradecapture.ledger.rules.partition import CaptureContext
from tradecapture.ledger.rules.state import ExistingTrades, LedgerState
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey


class MemoryLedger:
    """Keeps the rows that decisions write, under the primary keys of their tables."""

    def __init__(self, window: int) -> None:
        """Begin empty."""
        self._context = CaptureContext(window, "task-1", NOW)
        self.partitions: dict[PartitionKey, PartitionRow] = {}
        self.trades: dict[str, TradeRow] = {}
        self.exceptions: dict[EntryId, ExceptionRow] = {}

    def capture(self, claim: Claim) -> list[PartitionResult]:
        """Capture a claim's trades."""
        for key in claim.partition_keys:
            self.partitions.setdefault(key, new_partition(key, NOW))
        write_set, results = decide(claim, self._state(), self._context)
        for partition_key, ids in write_set.unbuffered.items():
            for trade_id in ids:
                (entry_id,) = (
                    entry_id
                    for entry_id, row in self.exceptions.items()
                    if (entry_id.partition_key, entry_id.trade_id) == (partition_key, trade_id)
                    and row.outcome == Outcome.BUFFERED
                )
                del self.exceptions[entry_id]
        for trade in write_set.trades:
            assert trade.trade_id not in self.trades, "captured twice"
            self.trades[trade.trade_id] = trade
        for row in write_set.exceptions:
            assert row.entry_id not in self.exceptions, "recorded twice"
            self.exceptions[row.entry_id] = row
        self.partitions |= {row.partition_key: row for row in write_set.partitions}
        return results

    def captured(self) -> list[TradeRow]:
        """Return the captured trades in the order of their partitions' ledgers."""
        return sorted(self.trades.values(), key=lambda row: row[1:3])

    def _state(self) -> LedgerState:
        buffered: dict[PartitionKey, dict[int, ExceptionRow]] = {}
        existing: dict[str, ExistingTrade] = {}
        for row in self.exceptions.values():
            if row.outcome == Outcome.BUFFERED:
                buffered.setdefault(row.partition_key, {})[row.sequence_number or 0] = row
                existing[row.trade_id] = _existing_trade(row)
        existing |= {trade_id: _existing_trade(row) for trade_id, row in self.trades.items()}
        return LedgerState(
            self.partitions, ExistingTrades(existing, set(self.exceptions)), buffered
        )


def _existing_trade(row: TradeRow | ExceptionRow) -> ExistingTrade:
    return ExistingTrade(row.partition_key, row.epoch, row.position, row.digest)
