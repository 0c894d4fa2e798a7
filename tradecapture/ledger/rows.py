"""The rows of the ledger: each has the fields of its table's columns, in their order."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from tradecapture.inbox import Entry
from tradecapture.trades.clock import from_ms
from tradecapture.trades.holding import Holding, decode_sums, encode_sums
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey, split_partition_key
from tradecapture.trades.submission import Submission


class TradeRow(NamedTuple):
    """A captured trade."""

    trade_id: str
    partition_key: PartitionKey
    ledger_sequence: int
    epoch: int
    position: int
    digest: str
    outcome: str  # an Outcome's value
    trade_date: date
    accepted_at: datetime
    captured_at: datetime
    task_id: str
    correlation_id: str
    document: str
    sequence_number: int | None
    buffered_at: datetime | None


class EntryId(NamedTuple):
    """Identifies one acceptance of a trade; within a partition it sorts by acceptance.

    Its fields are the primary key of `exceptions`.
    """

    partition_key: PartitionKey
    epoch: int
    position: int
    trade_id: str


class ExceptionRow(NamedTuple):
    """An accepted trade that was not captured, and why."""

    partition_key: PartitionKey
    epoch: int
    position: int
    trade_id: str
    digest: str
    outcome: str  # an Outcome's value
    reason: str
    accepted_at: datetime
    recorded_at: datetime
    task_id: str
    correlation_id: str
    document: str
    sequence_number: int | None
    callback_url: str

    @property
    def entry_id(self) -> EntryId:
        """The acceptance that this row records."""
        return EntryId(self.partition_key, self.epoch, self.position, self.trade_id)


class OutboxRow(NamedTuple):
    """An event to deliver; the database gives it its number."""

    trade_id: str
    partition_key: PartitionKey
    outcome: str  # an Outcome's value
    callback_url: str
    correlation_id: str
    created_at: datetime


class PartitionRow(NamedTuple):
    """The ledger's state of a partition."""

    partition_key: PartitionKey
    account_id: str
    book_id: str
    security_id: str
    fence: int
    last_sequence: int
    epoch: int
    last_position: int
    inversions: int  # trades captured after one that was accepted later; 0 is right
    net_quantity: Decimal
    quantities: str  # JSON, see `trades.holding`
    notionals: str  # JSON, see `trades.holding`
    last_trade_date: date | None
    halted_epoch: int | None
    halted_position: int | None
    halted_reason: str | None
    updated_at: datetime
    paused_reason: str | None
    upstream: int  # upstream's number that the partition has reached
    buffered: int  # trades

    @property
    def holding(self) -> Holding:
        """What the partition's captured trades add up to."""
        return Holding(
            self.net_quantity,
            decode_sums(self.quantities),
            decode_sums(self.notionals),
            self.last_trade_date,
        )


class ExistingTrade(NamedTuple):
    """A captured or buffered trade, to compare with another one of the same id."""

    partition_key: PartitionKey
    epoch: int
    position: int
    digest: str


class AuditRow(NamedTuple):
    """What an operator did; the database gives it its number."""

    done_at: datetime
    who: str
    action: str  # an Action's value
    partition_key: PartitionKey
    trade_id: str | None
    epoch: int | None
    position: int | None
    why: str
    result: str


# The trades of a batch share few dates and milliseconds: each is converted once.
parse_date = lru_cache(maxsize=64)(date.fromisoformat)
_accepted_at = lru_cache(maxsize=1024)(from_ms)


def new_partition(partition_key: PartitionKey, now: datetime) -> PartitionRow:
    """Return the row of a partition without captured trades."""
    account_id, book_id, security_id = split_partition_key(partition_key)
    empty = Holding()
    return PartitionRow(
        partition_key=partition_key,
        account_id=account_id,
        book_id=book_id,
        security_id=security_id,
        fence=0,
        last_sequence=0,
        epoch=0,
        last_position=0,
        inversions=0,
        net_quantity=empty.net_quantity,
        quantities=encode_sums(empty.quantities),
        notionals=encode_sums(empty.notionals),
        last_trade_date=None,
        halted_epoch=None,
        halted_position=None,
        halted_reason=None,
        updated_at=now,
        paused_reason=None,
        upstream=0,
        buffered=0,
    )


def trade_row(
    entry: Entry,
    ledger_sequence: int,
    trade_date: date,
    number: int | None,
    task_id: str,
    now: datetime,
) -> TradeRow:
    """Return the row of a captured trade.

    `number` is upstream's number that the partition has reached with the trade; None: the trade has
    none, or was captured after the partition had passed it.
    """
    submission = entry.submission
    # By position: keywords cost a third of a microsecond a trade.
    return TradeRow(
        submission.trade_id,
        submission.partition_key,
        ledger_sequence,
        entry.epoch,
        entry.position,
        submission.digest,
        Outcome.CAPTURED.value,
        trade_date,
        _accepted_at(entry.accepted_ms),
        now,
        task_id,
        submission.correlation_id,
        submission.document.decode(),
        number,
        None,
    )


def unbuffered_row(
    buffered: ExceptionRow, ledger_sequence: int, trade_date: date, task_id: str, now: datetime
) -> TradeRow:
    """Return the row of a captured trade that was buffered before."""
    return TradeRow(
        trade_id=buffered.trade_id,
        partition_key=buffered.partition_key,
        ledger_sequence=ledger_sequence,
        epoch=buffered.epoch,
        position=buffered.position,
        digest=buffered.digest,
        outcome=Outcome.CAPTURED.value,
        trade_date=trade_date,
        accepted_at=buffered.accepted_at,
        captured_at=now,
        task_id=task_id,
        correlation_id=buffered.correlation_id,
        document=buffered.document,
        sequence_number=buffered.sequence_number,
        buffered_at=buffered.recorded_at,
    )


def exception_row(
    entry: Entry,
    outcome: Outcome,
    reason: str,
    task_id: str,
    now: datetime,
    number: int | None = None,
) -> ExceptionRow:
    """Return the row of an accepted trade that is not captured."""
    submission = entry.submission
    return ExceptionRow(
        partition_key=submission.partition_key,
        epoch=entry.epoch,
        position=entry.position,
        trade_id=submission.trade_id,
        digest=submission.digest,
        outcome=outcome.value,
        reason=reason,
        accepted_at=_accepted_at(entry.accepted_ms),
        recorded_at=now,
        task_id=task_id,
        correlation_id=submission.correlation_id,
        document=submission.document.decode(),
        sequence_number=number,
        callback_url=submission.callback_url,
    )


def outbox_rows(
    trade: Submission | ExceptionRow, outcome: Outcome, now: datetime
) -> list[OutboxRow]:
    """Return the event that reports an outcome, if the submitter gave a callback URL."""
    if not trade.callback_url:
        return []
    return [
        OutboxRow(
            trade.trade_id,
            trade.partition_key,
            outcome.value,
            trade.callback_url,
            trade.correlation_id,
            now,
        )
    ]


def entry_of(row: ExceptionRow) -> Entry:
    """Return a recorded trade as the entry that it was in its inbox."""
    submission = Submission(
        row.partition_key,
        row.trade_id,
        row.digest,
        row.document.encode(),
        row.correlation_id,
        row.callback_url,
        row.sequence_number,
    )
    accepted_ms = round(row.accepted_at.timestamp() * 1000)
    return Entry(row.position, row.epoch, accepted_ms, submission)
