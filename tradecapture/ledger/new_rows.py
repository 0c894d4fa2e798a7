"""New rows: what the ledger writes of a partition and of an accepted trade."""

from datetime import UTC, date, datetime
from functools import lru_cache

from tradecapture.holding import Holding, encode_sums
from tradecapture.inbox import Entry
from tradecapture.ledger.rows import ExceptionRow, OutboxRow, PartitionRow, TradeRow
from tradecapture.outcome import Outcome
from tradecapture.partition import split_partition_key
from tradecapture.submission import Submission

# Trades of one batch share few dates and milliseconds: each is worked out once.
date_of = lru_cache(maxsize=64)(date.fromisoformat)


def new_partition(partition: str, now: datetime) -> PartitionRow:
    """Return the row of a partition in which nothing was captured yet."""
    account_id, book_id, security_id = split_partition_key(partition)
    empty = Holding()
    return PartitionRow(
        partition_key=partition,
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


def released_row(
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
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
