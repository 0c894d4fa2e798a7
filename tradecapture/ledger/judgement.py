"""The judgement: what a claim's trades do to the ledger. Pure: rows in, rows out."""

from collections import Counter
from collections.abc import Container, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from tradecapture.holding import Tally, encode_sums
from tradecapture.inbox import Claim, ClaimedPartition
from tradecapture.ledger.new_rows import date_of, exception_row, outbox_rows, trade_row
from tradecapture.ledger.rows import ExceptionRow, KnownTrade, OutboxRow, PartitionRow, TradeRow
from tradecapture.outcome import Outcome
from tradecapture.trade import TradeLot


class _Economics(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of a trade that change the ledger's sums; the rest need not be decoded again."""

    trade_date: str
    trade_lots: tuple[TradeLot, ...]


_decoder = msgspec.json.Decoder(_Economics)

CONFLICT = "DUPLICATE_TRADE_ID_DIFFERENT_PAYLOAD"


Place = tuple[str, int, int, str]  # partition, epoch, position, trade id


class History(NamedTuple):
    """What the ledger has already under some trade ids."""

    captured: dict[str, KnownTrade]  # trade id -> where it was captured
    recorded: Container[Place]  # accepted trades that were recorded as not captured


class PartitionVerdict(NamedTuple):
    """What became of a claimed partition."""

    partition: str
    written: int  # trades that the ledger has now, and that may leave the inbox
    outcomes: Mapping[Outcome, int]
    stale: bool = False  # a newer claim has written; this one must do nothing
    hold: str = ""  # why the partition is halted; empty: it is not


class Judgement(NamedTuple):
    """Everything that one capture transaction writes."""

    trades: list[TradeRow]
    exceptions: list[ExceptionRow]
    outbox: list[OutboxRow]
    partitions: list[PartitionRow]
    verdicts: list[PartitionVerdict]


def judge(
    claim: Claim,
    rows: Mapping[str, PartitionRow],
    history: History,
    task_id: str,
    now: datetime,
) -> Judgement:
    """Decide on every trade of a claim.

    Args:
        claim: the claimed partitions and their trades.
        rows: the locked rows of those partitions.
        history: what the ledger has already under the claimed trade ids.
        task_id: the Celery task that captures.
        now: when it captures, in UTC.

    Raises:
        msgspec.ValidationError, decimal.Inexact, ...: a trade cannot be applied. Nothing may be
            written then; the caller splits the claim to find the trade at fault.
    """
    history = History(dict(history.captured), history.recorded)
    judgement = Judgement([], [], [], [], [])
    for claimed in claim.partitions:
        row = rows[claimed.partition]
        if row.fence > claim.fence:
            verdict = PartitionVerdict(claimed.partition, 0, {}, stale=True)
        elif row.halted_reason is not None:
            verdict = _halted(row, claimed)
        else:
            verdict = _judge_partition(
                judgement, claimed, row._replace(fence=claim.fence), history, task_id, now
            )
        judgement.verdicts.append(verdict)
    return judgement


def _halted(row: PartitionRow, claimed: ClaimedPartition) -> PartitionVerdict:
    # The worker that parked a trade died before it settled: the parked trade, and what it had
    # captured before it, are in the ledger and may leave the inbox; the rest waits.
    parked = (row.halted_epoch or 0, row.halted_position or 0)
    written = sum((entry.epoch, entry.position) <= parked for entry in claimed.entries)
    return PartitionVerdict(claimed.partition, written, {}, hold=row.halted_reason or "")


def _judge_partition(
    judgement: Judgement,
    claimed: ClaimedPartition,
    row: PartitionRow,
    history: History,
    task_id: str,
    now: datetime,
) -> PartitionVerdict:
    tally = Tally(row.holding)
    sequence, inversions, last = row.last_sequence, row.inversions, (row.epoch, row.last_position)
    outcomes: Counter[Outcome] = Counter()
    for entry in claimed.entries:
        submission = entry.submission
        mine = KnownTrade(claimed.partition, entry.epoch, entry.position, submission.digest)
        first = history.captured.setdefault(submission.trade_id, mine)
        if first is not mine:
            place = (claimed.partition, entry.epoch, entry.position, submission.trade_id)
            if first == mine or place in history.recorded:
                continue  # written by an attempt whose answer, or whose settle, was lost
            outcome, reason = _why_not(first, mine)
            judgement.exceptions.append(exception_row(entry, outcome, reason, task_id, now))
        else:
            outcome = Outcome.CAPTURED
            economics = _decoder.decode(submission.document)
            trade_date = date_of(economics.trade_date)
            tally.add(economics.trade_lots, trade_date)
            sequence += 1
            here = (entry.epoch, entry.position)
            inversions += here < last
            last = max(here, last)
            judgement.trades.append(trade_row(entry, sequence, trade_date, task_id, now))
        outcomes[outcome] += 1
        judgement.outbox.extend(outbox_rows(entry, outcome, now))
    holding = tally.holding()
    judgement.partitions.append(
        row._replace(
            last_sequence=sequence,
            epoch=last[0],
            last_position=last[1],
            inversions=inversions,
            net_quantity=holding.net_quantity,
            quantities=encode_sums(holding.quantities),
            notionals=encode_sums(holding.notionals),
            last_trade_date=holding.last_trade_date,
            updated_at=now,
        )
    )
    return PartitionVerdict(claimed.partition, len(claimed.entries), outcomes)


def _why_not(first: KnownTrade, mine: KnownTrade) -> tuple[Outcome, str]:
    where = f"position {first.position} of {first.partition_key}"
    if first.digest == mine.digest:
        return Outcome.DUPLICATE, f"captured before: {where}"
    return Outcome.REJECTED, f"{CONFLICT}: another trade with this id was captured: {where}"
