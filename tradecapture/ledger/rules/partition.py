"""The partition aggregate: a partition's locked row, and what its trades change, one by one."""

from collections import Counter
from datetime import date, datetime
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from tradecapture.inbox import Entry
from tradecapture.ledger.rows import (
    ExceptionRow,
    ExistingTrade,
    PartitionRow,
    exception_row,
    outbox_rows,
    parse_date,
    trade_row,
    unbuffered_row,
)
from tradecapture.ledger.rules.state import ExistingTrades, WriteSet
from tradecapture.trades.holding import Tally, encode_sums
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.trade import TradeLot

CONFLICT = "DUPLICATE_TRADE_ID_DIFFERENT_PAYLOAD"


class SequenceCheck(Enum):
    """How a trade's number compares with the number that its partition has reached."""

    NEXT = auto()
    AHEAD = auto()  # lower numbers are missing: the trade is buffered until they have come
    BEHIND = auto()  # the partition has passed it
    BEYOND_WINDOW = auto()  # more numbers are missing than the window allows


def check_sequence(number: int | None, upstream_number: int, window: int) -> SequenceCheck:
    """Return whether a trade comes next in its partition.

    Source of the rule: the HTTP contract. In an empty partition, number 1 comes next.

    Args:
        number: upstream's number of the trade; None: it has none, and always comes next.
        upstream_number: the number that the partition has reached.
        window: how far ahead of that a number may be.
    """
    if number is None or number == upstream_number + 1:
        return SequenceCheck.NEXT
    if number <= upstream_number:
        return SequenceCheck.BEHIND
    if number <= upstream_number + window:
        return SequenceCheck.AHEAD
    return SequenceCheck.BEYOND_WINDOW


class CaptureContext(NamedTuple):
    """What all trades of one transaction share."""

    window: int  # how far a number may be ahead of the one that its partition has reached
    task_id: str  # the Celery task that captures, or the operator's action
    now: datetime  # the time of the capture, in UTC


class PartitionAggregate:
    """Applies trades to one partition, whose row is locked.

    Attributes:
        outcomes: how many trades ended in which way so far.
    """

    def __init__(
        self,
        row: PartitionRow,
        existing: ExistingTrades,
        buffered: dict[int, ExceptionRow],
        context: CaptureContext,
        write_set: WriteSet,
    ) -> None:
        """Begin with the state of the partition.

        Args:
            row: of the partition.
            existing: what the ledger has under the ids of the trades; applied trades are added.
            buffered: the partition's buffered trades by upstream's number; those that are captured
                are removed.
            context: of the transaction.
            write_set: takes the rows to write.
        """
        self._row, self._existing = row, existing
        self._context, self._write_set = context, write_set
        self._buffered, self._stored = buffered, frozenset(buffered)
        self._tally = Tally(row.holding)
        self._ledger_sequence, self._inversions = row.last_sequence, row.inversions
        self._last = (row.epoch, row.last_position)
        self._upstream_number = row.upstream
        self.outcomes: Counter[Outcome] = Counter()

    @property
    def upstream_number(self) -> int:
        """Upstream's number that the partition has reached; 0: upstream numbers no trades."""
        return self._upstream_number

    @property
    def lowest_buffered(self) -> int:
        """The lowest of upstream's numbers that is buffered."""
        return min(self._buffered)

    def apply(self, entry: Entry) -> None:
        """Apply an accepted trade: capture, buffer or reject it.

        Raises:
            msgspec.ValidationError, decimal.Inexact, ...: the trade cannot be applied.
        """
        if self._existing.has(entry):
            return  # an earlier attempt wrote it, but its answer or its completion was lost
        submission = entry.submission
        trade = ExistingTrade(
            self._row.partition_key, entry.epoch, entry.position, submission.digest
        )
        first = self._existing.trades.get(submission.trade_id)
        if first is not None:
            self._record(entry, *_outcome_of_reused_id(first, trade))
            return
        economics = _decode(submission.document)
        trade_date, number = parse_date(economics.trade_date), submission.sequence_number
        check = check_sequence(number, self._upstream_number, self._context.window)
        if check is SequenceCheck.BEHIND and submission.replay_of:
            # The partition passed the number when it parked or rejected the trade. An operator
            # replays the trade to have it captured late.
            check, number = SequenceCheck.NEXT, None
        if check is SequenceCheck.NEXT:
            self._existing.trades[submission.trade_id] = trade
            self._capture(entry, economics.trade_lots, trade_date, number)
        elif check is SequenceCheck.AHEAD and number is not None and number not in self._buffered:
            self._existing.trades[submission.trade_id] = trade
            reason = f"number {self._upstream_number + 1} is awaited"
            self._buffered[number] = self._exception(entry, Outcome.BUFFERED, reason, number)
        else:
            reason = self._out_of_sequence(check, number or 0)
            self._record(entry, Outcome.REJECTED, reason, number)

    def advance_to(self, number: int) -> None:
        """Count upstream's numbers up to this one as captured or passed, and capture what follows.

        The trades that follow are buffered, and their numbers continue without a gap.

        Raises:
            msgspec.ValidationError, decimal.Inexact, ...: one of them cannot be applied.
        """
        self._upstream_number = max(number, self._upstream_number)
        while (next_row := self._buffered.pop(self._upstream_number + 1, None)) is not None:
            self._upstream_number += 1
            if self._upstream_number in self._stored:
                self._write_set.unbuffered[next_row.partition_key].append(next_row.trade_id)
            outcome = self._capture_buffered(next_row)
            self._write_set.outbox += outbox_rows(next_row, outcome, self._context.now)
            self.outcomes[outcome] += 1

    def finish(self) -> None:
        """Add the partition's row, and the trades that were newly buffered, to the write set."""
        for number, row in self._buffered.items():
            if number not in self._stored:
                self._write_set.exceptions.append(row)
                self.outcomes[Outcome.BUFFERED] += 1
        holding = self._tally.holding()
        self._write_set.partitions.append(
            self._row._replace(
                last_sequence=self._ledger_sequence,
                epoch=self._last[0],
                last_position=self._last[1],
                inversions=self._inversions,
                net_quantity=holding.net_quantity,
                quantities=encode_sums(holding.quantities),
                notionals=encode_sums(holding.notionals),
                last_trade_date=holding.last_trade_date,
                upstream=self._upstream_number,
                buffered=len(self._buffered),
                updated_at=self._context.now,
            )
        )

    def _capture(
        self, entry: Entry, lots: tuple[TradeLot, ...], trade_date: date, number: int | None
    ) -> None:
        self._add(lots, trade_date)
        order = (entry.epoch, entry.position)
        self._inversions += order < self._last
        self._last = max(order, self._last)
        sequence, context = self._ledger_sequence, self._context
        row = trade_row(entry, sequence, trade_date, number, context.task_id, context.now)
        self._write_set.trades.append(row)
        self._end(entry, Outcome.CAPTURED)
        if number is not None:
            self.advance_to(number)

    def _capture_buffered(self, row: ExceptionRow) -> Outcome:
        trade = ExistingTrade._make(getattr(row, name) for name in ExistingTrade._fields)
        task_id, now = self._context.task_id, self._context.now
        first = self._existing.trades.setdefault(row.trade_id, trade)
        if first != trade:
            # Another partition has captured the id at the moment when this one buffered it.
            outcome, reason = _outcome_of_reused_id(first, trade)
            self._write_set.exceptions.append(
                row._replace(outcome=outcome.value, reason=reason, recorded_at=now, task_id=task_id)
            )
            return outcome
        economics = _decode(row.document)
        trade_date = parse_date(economics.trade_date)
        self._add(economics.trade_lots, trade_date)
        captured = unbuffered_row(row, self._ledger_sequence, trade_date, task_id, now)
        self._write_set.trades.append(captured)
        return Outcome.CAPTURED

    def _add(self, lots: tuple[TradeLot, ...], trade_date: date) -> None:
        self._tally.add(lots, trade_date)
        self._ledger_sequence += 1

    def _record(
        self, entry: Entry, outcome: Outcome, reason: str, number: int | None = None
    ) -> None:
        self._write_set.exceptions.append(self._exception(entry, outcome, reason, number))
        self._end(entry, outcome)

    def _exception(
        self, entry: Entry, outcome: Outcome, reason: str, number: int | None
    ) -> ExceptionRow:
        context = self._context
        return exception_row(entry, outcome, reason, context.task_id, context.now, number)

    def _end(self, entry: Entry, outcome: Outcome) -> None:
        self.outcomes[outcome] += 1
        self._write_set.outbox += outbox_rows(entry.submission, outcome, self._context.now)

    def _out_of_sequence(self, check: SequenceCheck, number: int) -> str:
        reached = self._upstream_number
        if check is SequenceCheck.BEHIND:
            return f"sequence number {number} was passed: the partition is at {reached}"
        if check is SequenceCheck.BEYOND_WINDOW:
            return (
                f"sequence number {number} is more than {self._context.window} ahead of "
                f"{reached}, which the partition has reached"
            )
        return f"sequence number {number} is that of trade {self._buffered[number].trade_id}"


class _Economics(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of a trade that change the ledger; the rest is not decoded again."""

    trade_date: str
    trade_lots: tuple[TradeLot, ...]


_decode = msgspec.json.Decoder(_Economics).decode


def _outcome_of_reused_id(first: ExistingTrade, trade: ExistingTrade) -> tuple[Outcome, str]:
    """Return the outcome of a trade whose id the ledger already has, and the reason."""
    where = f"position {first.position} of {first.partition_key}"
    if first.digest == trade.digest:
        return Outcome.DUPLICATE, f"accepted before: {where}"
    return Outcome.REJECTED, f"{CONFLICT}: another trade with this id came first: {where}"
