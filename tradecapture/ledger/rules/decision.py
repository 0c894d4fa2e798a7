"""The judgement: what a claim's trades do to the ledger. Pure: rows in, rows out."""

from collections.abc import Mapping
from typing import NamedTuple

from tradecapture.inbox import Claim, ClaimedPartition, Hold
from tradecapture.ledger.rows import ExceptionRow, PartitionRow
from tradecapture.ledger.rules.partition import CaptureContext, PartitionAggregate
from tradecapture.ledger.rules.state import ExistingTrades, WriteSet
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey


class LedgerState(NamedTuple):
    """What the ledger has of the claimed partitions and trades."""

    rows: Mapping[PartitionKey, PartitionRow]  # partition -> its locked row
    known: ExistingTrades
    buffered: Mapping[PartitionKey, dict[int, ExceptionRow]]  # partition -> number -> waiting trade


class PartitionResult(NamedTuple):
    """What became of a claimed partition."""

    partition_key: PartitionKey
    written: int  # trades that the ledger has now, and that may leave the inbox
    outcomes: Mapping[Outcome, int]
    stale: bool = False  # a newer claim has written; this one must do nothing
    hold: str = ""  # why the fleet halts the partition; empty: it does not
    pause: Hold | None = None  # an operator's; nothing was written
    upstream: int = 0  # upstream's number that it has reached; 0: upstream numbers none


class Decision(NamedTuple):
    """Everything that one capture transaction writes, and the verdicts in the claim's order."""

    written: WriteSet
    verdicts: list[PartitionResult]


def decide(claim: Claim, evidence: LedgerState, rules: CaptureContext) -> Decision:
    """Decide on every trade of a claim.

    Raises:
        msgspec.ValidationError, decimal.Inexact, ...: a trade cannot be applied. Nothing may be
            written then; the caller splits the claim to find the trade at fault.
    """
    known = ExistingTrades(dict(evidence.known.trades), evidence.known.recorded)
    judgement = Decision(WriteSet(), [])
    for claimed in claim.partitions:
        row = evidence.rows[claimed.partition_key]
        if row.fence > claim.fence:
            verdict = PartitionResult(claimed.partition_key, 0, {}, stale=True)
        elif row.halted_reason is not None:
            verdict = _halted(row, claimed)
        elif row.paused_reason is not None:
            # Redis does not know of it, or did not when the trades were claimed.
            verdict = PartitionResult(
                claimed.partition_key, 0, {}, pause=Hold.from_note(row.paused_reason)
            )
        else:
            decide = PartitionAggregate(
                row._replace(fence=claim.fence),
                known,
                dict(evidence.buffered.get(claimed.partition_key, {})),
                rules,
                judgement.written,
            )
            for entry in claimed.entries:
                decide.judge(entry)
            decide.finish()
            verdict = PartitionResult(
                claimed.partition_key,
                len(claimed.entries),
                decide.outcomes,
                upstream=decide.upstream,
            )
        judgement.verdicts.append(verdict)
    return judgement


def _halted(row: PartitionRow, claimed: ClaimedPartition) -> PartitionResult:
    # The worker that parked a trade died before it settled: the parked trade, and what it had
    # captured before it, are in the ledger and may leave the inbox; the rest waits.
    parked = (row.halted_epoch or 0, row.halted_position or 0)
    written = sum((entry.epoch, entry.position) <= parked for entry in claimed.entries)
    return PartitionResult(claimed.partition_key, written, {}, hold=row.halted_reason or "")
