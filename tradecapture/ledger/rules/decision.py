"""The decision on a claim: which rows its trades write, and what becomes of each partition."""

from collections.abc import Mapping
from typing import NamedTuple

from tradecapture.inbox import Claim, ClaimedPartition, Hold
from tradecapture.ledger.rows import PartitionRow
from tradecapture.ledger.rules.partition import CaptureContext, PartitionAggregate
from tradecapture.ledger.rules.state import ExistingTrades, LedgerState, WriteSet
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey


class PartitionResult(NamedTuple):
    """What became of a claimed partition."""

    partition_key: PartitionKey
    trades: int  # that the ledger has now, the oldest first: they may leave the inbox
    outcomes: Mapping[Outcome, int]
    stale: bool = False  # a newer claim has written to the partition; this claim must do nothing
    hold: str = ""  # why the fleet halts the partition; empty: it does not
    pause: Hold | None = None  # an operator's pause; nothing was written
    upstream_number: int = 0  # that the partition has reached; 0: upstream numbers no trades


class Decision(NamedTuple):
    """What one capture transaction writes, and the results in the order of the claim."""

    write_set: WriteSet
    results: list[PartitionResult]


def decide(claim: Claim, state: LedgerState, context: CaptureContext) -> Decision:
    """Decide on every trade of a claim.

    Raises:
        msgspec.ValidationError, decimal.Inexact, ...: a trade cannot be applied. Then nothing may
            be written; the caller splits the claim to find the faulty trade.
    """
    existing = ExistingTrades(dict(state.existing.trades), state.existing.exceptions)
    decision = Decision(WriteSet(), [])
    for claimed in claim.partitions:
        row = state.partitions[claimed.partition_key]
        if row.fence > claim.fence:
            result = PartitionResult(row.partition_key, 0, {}, stale=True)
        elif row.halted_reason is not None:
            result = _halted(row, claimed)
        elif row.paused_reason is not None:
            # Redis does not know of the pause, or did not when the trades were claimed.
            result = PartitionResult(
                row.partition_key, 0, {}, pause=Hold.from_note(row.paused_reason)
            )
        else:
            aggregate = PartitionAggregate(
                row._replace(fence=claim.fence),
                existing,
                dict(state.buffered.get(row.partition_key, {})),
                context,
                decision.write_set,
            )
            result = _capture(aggregate, claimed)
        decision.results.append(result)
    return decision


def _halted(row: PartitionRow, claimed: ClaimedPartition) -> PartitionResult:
    # A worker parked a trade and died before it completed its claim. The ledger has the parked
    # trade and those before it, which may leave the inbox; the others wait.
    parked = (row.halted_epoch or 0, row.halted_position or 0)
    trades = sum((entry.epoch, entry.position) <= parked for entry in claimed.entries)
    return PartitionResult(row.partition_key, trades, {}, hold=row.halted_reason or "")


def _capture(aggregate: PartitionAggregate, claimed: ClaimedPartition) -> PartitionResult:
    for entry in claimed.entries:
        aggregate.apply(entry)
    aggregate.finish()
    return PartitionResult(
        claimed.partition_key,
        len(claimed.entries),
        aggregate.outcomes,
        upstream_number=aggregate.upstream_number,
    )
