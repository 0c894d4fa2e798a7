"""The judge of one partition: its trades one by one, in order, and what they make of its row."""

from collections import Counter
from datetime import datetime
from enum import Enum
from typing import NamedTuple

import msgspec

from tradecapture.inbox import Entry
from tradecapture.ledger.rows import (
    ExceptionRow,
    KnownTrade,
    PartitionRow,
    date_of,
    exception_row,
    outbox_rows,
    trade_row,
    unbuffered_row,
)
from tradecapture.ledger.rules.state import ExistingTrades, WriteSet
from tradecapture.trades.holding import Tally, encode_sums
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.trade import TradeLot


class SequenceCheck(Enum):
    """Where a number stands, seen from the one that its partition has reached."""

    NEXT = "now"
    AHEAD = "later"  # lower numbers are missing: it is buffered until they have come
    BEHIND = "passed"  # the partition is past it
    BEYOND_WINDOW = "too far"  # more numbers are missing than the window has


def check_sequence(number: int | None, upstream: int, window: int) -> SequenceCheck:
    """Return whether it is a trade's turn.

    Source of the rule: the HTTP contract. On an empty partition 1 is due.

    Args:
        number: upstream's number of the trade; None: it has none, and takes no turns.
        upstream: the number that the partition has reached.
        window: how far ahead of that a number may be.
    """
    if number is None or number == upstream + 1:
        return SequenceCheck.NEXT
    if number <= upstream:
        return SequenceCheck.BEHIND
    return SequenceCheck.AHEAD if number <= upstream + window else SequenceCheck.BEYOND_WINDOW


CONFLICT = "DUPLICATE_TRADE_ID_DIFFERENT_PAYLOAD"


class CaptureContext(NamedTuple):
    """What is the same for a whole judgement."""

    window: int  # how far ahead of its turn one of upstream's numbers may be
    task_id: str  # the Celery task that captures, or the operator's command
    now: datetime  # when it captures, in UTC


class _Economics(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of a trade that change the ledger; the rest need not be decoded again."""

    trade_date: str
    trade_lots: tuple[TradeLot, ...]


_decoder = msgspec.json.Decoder(_Economics)


class PartitionAggregate:
    """Judges the trades of one partition, whose row is locked."""

    def __init__(
        self,
        row: PartitionRow,
        known: ExistingTrades,
        buffered: dict[int, ExceptionRow],
        rules: CaptureContext,
        written: WriteSet,
    ) -> None:
        """Prepare to judge.

        Args:
            row: of the partition.
            known: what the ledger has already under the ids that will be judged.
            buffered: upstream's number -> the trade that waits in the ledger for its turn.
            rules: of the whole judgement.
            written: where rows to write are put.
        """
        self._row, self._known, self._rules, self._written = row, known, rules, written
        self._buffered, self._stored = buffered, frozenset(buffered)
        self._tally = Tally(row.holding)
        self._sequence, self._inversions = row.last_sequence, row.inversions
        self._last = (row.epoch, row.last_position)
        self._upstream = row.upstream
        self.outcomes: Counter[Outcome] = Counter()

    def judge(self, entry: Entry) -> None:
        """Judge an accepted trade.

        Raises:
            msgspec.ValidationError, decimal.Inexact, ...: it cannot be applied.
        """
        if self._known.has(entry):
            return  # written by an attempt whose answer, or whose settle, was lost
        submission = entry.submission
        mine = KnownTrade(self._row.partition_key, entry.epoch, entry.position, submission.digest)
        if (first := self._known.trades.get(submission.trade_id)) is not None:
            self._record(entry, *_why_not(first, mine))
            return
        economics = _decoder.decode(submission.document)
        trade_date, number = date_of(economics.trade_date), submission.sequence_number
        turn = check_sequence(number, self._upstream, self._rules.window)
        if turn is SequenceCheck.BEHIND and submission.replay_of:
            # Its number was passed when it was parked or rejected; an operator wants it late.
            turn, number = SequenceCheck.NEXT, None
        if turn is SequenceCheck.NEXT:
            self._known.trades[submission.trade_id] = mine
            self._tally.add(economics.trade_lots, trade_date)
            self._sequence += 1
            here = (entry.epoch, entry.position)
            self._inversions += here < self._last
            self._last = max(here, self._last)
            row = trade_row(
                entry, self._sequence, trade_date, number, self._rules.task_id, self._rules.now
            )
            self._written.trades.append(row)
            self._ended(entry, Outcome.CAPTURED)
            if number is not None:
                self.reach(number)
        elif turn is SequenceCheck.AHEAD and number is not None and number not in self._buffered:
            self._known.trades[submission.trade_id] = mine
            self._buffered[number] = self._exception(
                entry, Outcome.BUFFERED, f"number {self._upstream + 1} is awaited", number
            )
        else:
            self._record(entry, Outcome.REJECTED, self._out_of_turn(turn, number or 0), number)

    def reach(self, number: int) -> None:
        """Note that upstream's numbers up to this one are captured or passed; capture followers."""
        self._upstream = max(number, self._upstream)
        while (follower := self._buffered.pop(self._upstream + 1, None)) is not None:
            self._upstream += 1
            if self._upstream in self._stored:
                self._written.released[follower.partition_key].append(follower.trade_id)
            outcome = self._follow(follower)
            self._written.outbox += outbox_rows(follower, outcome, self._rules.now)
            self.outcomes[outcome] += 1

    def _follow(self, follower: ExceptionRow) -> Outcome:
        """Capture a buffered trade, whose turn it is."""
        mine = KnownTrade._make(getattr(follower, name) for name in KnownTrade._fields)
        task_id, now = self._rules.task_id, self._rules.now
        first = self._known.trades.setdefault(follower.trade_id, mine)
        if first != mine:
            # Another partition, captured at the moment when this one was buffered, has the id too.
            outcome, reason = _why_not(first, mine)
            ended = follower._replace(
                outcome=outcome.value, reason=reason, recorded_at=now, task_id=task_id
            )
            self._written.exceptions.append(ended)
            return outcome
        economics = _decoder.decode(follower.document)
        trade_date = date_of(economics.trade_date)
        self._tally.add(economics.trade_lots, trade_date)
        self._sequence += 1
        row = unbuffered_row(follower, self._sequence, trade_date, task_id, now)
        self._written.trades.append(row)
        return Outcome.CAPTURED

    def finish(self) -> None:
        """Write what is still buffered, and the partition's row."""
        for number, waiting in self._buffered.items():
            if number not in self._stored:
                self._written.exceptions.append(waiting)
                self.outcomes[Outcome.BUFFERED] += 1
        holding = self._tally.holding()
        self._written.partitions.append(
            self._row._replace(
                last_sequence=self._sequence,
                epoch=self._last[0],
                last_position=self._last[1],
                inversions=self._inversions,
                net_quantity=holding.net_quantity,
                quantities=encode_sums(holding.quantities),
                notionals=encode_sums(holding.notionals),
                last_trade_date=holding.last_trade_date,
                upstream=self._upstream,
                buffered=len(self._buffered),
                updated_at=self._rules.now,
            )
        )

    @property
    def upstream(self) -> int:
        """The number that the partition has reached; 0: upstream numbers none."""
        return self._upstream

    @property
    def lowest_buffered(self) -> int:
        """The lowest of upstream's numbers that is buffered."""
        return min(self._buffered)

    def _record(
        self, entry: Entry, outcome: Outcome, reason: str, number: int | None = None
    ) -> None:
        self._written.exceptions.append(self._exception(entry, outcome, reason, number))
        self._ended(entry, outcome)

    def _exception(
        self, entry: Entry, outcome: Outcome, reason: str, number: int | None
    ) -> ExceptionRow:
        rules = self._rules
        return exception_row(entry, outcome, reason, rules.task_id, rules.now, number)

    def _ended(self, entry: Entry, outcome: Outcome) -> None:
        self.outcomes[outcome] += 1
        self._written.outbox += outbox_rows(entry.submission, outcome, self._rules.now)

    def _out_of_turn(self, turn: SequenceCheck, number: int) -> str:
        if turn is SequenceCheck.BEHIND:
            return f"sequence number {number} was passed: the partition is at {self._upstream}"
        if turn is SequenceCheck.BEYOND_WINDOW:
            return (
                f"sequence number {number} is more than {self._rules.window} ahead of "
                f"{self._upstream}, which the partition is at"
            )
        return f"sequence number {number} is that of trade {self._buffered[number].trade_id}"


def _why_not(first: KnownTrade, mine: KnownTrade) -> tuple[Outcome, str]:
    where = f"position {first.position} of {first.partition_key}"
    if first.digest == mine.digest:
        return Outcome.DUPLICATE, f"accepted before: {where}"
    return Outcome.REJECTED, f"{CONFLICT}: another trade with this id came first: {where}"
