"""The rows that a capture writes; field names and order are the columns of their tables."""

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
    """Names one acceptance of a trade, and sorts a partition's in the order of acceptance.

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
    """An event to deliver (its number is the database's)."""

    trade_id: str
    partition_key: PartitionKey
    outcome: str  # an Outcome's value
    callback_url: str
    correlation_id: str
    created_at: datetime


class PartitionRow(NamedTuple):
    """A partition as the ledger has it."""

    partition_key: PartitionKey
    account_id: str
    book_id: str
    security_id: str
    fence: int
    last_sequence: int
    epoch: int
    last_position: int
    inversions: int
    net_quantity: Decimal
    quantities: str  # JSON, see `holding`
    notionals: str  # JSON, see `holding`
    last_trade_date: date | None
    halted_epoch: int | None
    halted_position: int | None
    halted_reason: str | None
    updated_at: datetime
    paused_reason: str | None
    upstream: int
    buffered: int

    @property
    def holding(self) -> Holding:
        """What the partition's captured trades add up to."""
        return Holding(
            self.net_quantity,
            decode_sums(self.quantities),
            decode_sums(self.notionals),
            self.last_trade_date,
        )


class KnownTrade(NamedTuple):
    """What the ledger already has under a trade id."""

    partition_key: PartitionKey
    epoch: int
    position: int
    digest: str


class AuditRow(NamedTuple):
    """What an operator did (its number is the database's)."""

    done_at: datetime
    who: str
    action: str  # an Action's value
    partition_key: PartitionKey
    trade_id: str | None
    epoch: int | None
    position: int | None
    why: str
    result: str


# Trades of one batch share few dates and milliseconds: each is worked out once.
date_of = lru_cache(maxsize=64)(date.fromisoformat)


def new_partition(partition_key: PartitionKey, now: datetime) -> PartitionRow:
    """Return the row of a partition in which nothing was captured yet."""
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
    entry: Entry, sequence: int, trade_date: date, number: int | None, task_id: str, now: datetime
) -> TradeRow:
    """Return the row of a captured trade, and of the number with which it had its turn."""
    submission = entry.submission
    return TradeRow(
        submission.trade_id,
        submission.partition_key,
        sequence,
        entry.epoch,
        entry.position,
        submission.digest,
        Outcome.CAPTURED.value,
        trade_date,
        _instant(entry.accepted_ms),
        now,
        task_id,
        submission.correlation_id,
        submission.document.decode(),
        number,
        None,
    )


def unbuffered_row(
    buffered: ExceptionRow, sequence: int, trade_date: date, task_id: str, now: datetime
) -> TradeRow:
    """Return the row of a trade that is captured after it has waited for its turn."""
    return TradeRow(
        buffered.trade_id,
        buffered.partition_key,
        sequence,
        buffered.epoch,
        buffered.position,
        buffered.digest,
        Outcome.CAPTURED.value,
        trade_date,
        buffered.accepted_at,
        now,
        task_id,
        buffered.correlation_id,
        buffered.document,
        buffered.sequence_number,
        buffered.recorded_at,
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
        accepted_at=_instant(entry.accepted_ms),
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
    """Return the event of an outcome, if the submitter asked to be told."""
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
    """Return a recorded trade as it waited in its inbox."""
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


@lru_cache(maxsize=1024)
def _instant(milliseconds: int) -> datetime:
    return from_ms(milliseconds)
