"""A ledger in memory: the judgement alone, without a database, for very many stories."""

from tests.support.builders import NOW
from tradecapture.inbox import Claim
from tradecapture.ledger.rows import ExceptionRow, KnownTrade, PartitionRow, TradeRow, new_partition
from tradecapture.ledger.rules.decision import LedgerState, PartitionResult, decide
from tradecapture.ledger.rules.partition import CaptureContext
from tradecapture.ledger.rules.state import ExistingTrades
from tradecapture.trades.lifecycle import Outcome


class MemoryLedger:
    """Keeps the rows that judgements write, under the keys that the tables have."""

    def __init__(self, window: int) -> None:
        """Begin empty."""
        self._rules = CaptureContext(window, "task-1", NOW)
        self.partitions: dict[str, PartitionRow] = {}
        self.trades: dict[str, TradeRow] = {}
        self.exceptions: dict[tuple[object, ...], ExceptionRow] = {}

    def capture(self, claim: Claim) -> list[PartitionResult]:
        """Capture a claim's trades."""
        for key in claim.partition_keys:
            self.partitions.setdefault(key, new_partition(key, NOW))
        judgement = decide(claim, self._evidence(), self._rules)
        written = judgement.written
        for partition, ids in written.released.items():
            for trade_id in ids:
                (place,) = (
                    place
                    for place, row in self.exceptions.items()
                    if (row.partition_key, row.trade_id) == (partition, trade_id)
                    and row.outcome == Outcome.BUFFERED
                )
                del self.exceptions[place]
        for trade in written.trades:
            assert trade.trade_id not in self.trades, "captured twice"
            self.trades[trade.trade_id] = trade
        for row in written.exceptions:
            assert row[:4] not in self.exceptions, "recorded twice"
            self.exceptions[row[:4]] = row
        self.partitions |= {row.partition_key: row for row in written.partitions}
        return judgement.verdicts

    def captured(self) -> list[TradeRow]:
        """Return the captured trades in the order of their partitions' ledgers."""
        return sorted(self.trades.values(), key=lambda row: row[1:3])

    def _evidence(self) -> LedgerState:
        buffered: dict[str, dict[int, ExceptionRow]] = {}
        known: dict[str, KnownTrade] = {}
        for row in self.exceptions.values():
            if row.outcome == Outcome.BUFFERED:
                buffered.setdefault(row.partition_key, {})[row.sequence_number or 0] = row
                known[row.trade_id] = _place_of(row)
        known |= {trade_id: _place_of(row) for trade_id, row in self.trades.items()}
        return LedgerState(self.partitions, ExistingTrades(known, set(self.exceptions)), buffered)  # type: ignore[arg-type]


def _place_of(row: TradeRow | ExceptionRow) -> KnownTrade:
    return KnownTrade(row.partition_key, row.epoch, row.position, row.digest)
