"""The rows that a capture writes; field names and order are the columns of their tables."""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from tradecapture.holding import Holding, decode_sums


class TradeRow(NamedTuple):
    """A captured trade."""

    trade_id: str
    partition_key: str
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


class ExceptionRow(NamedTuple):
    """An accepted trade that was not captured, and why."""

    partition_key: str
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


class OutboxRow(NamedTuple):
    """An event to deliver (its number is the database's)."""

    trade_id: str
    partition_key: str
    outcome: str  # an Outcome's value
    callback_url: str
    correlation_id: str
    created_at: datetime


class PartitionRow(NamedTuple):
    """A partition as the ledger has it."""

    partition_key: str
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

    partition_key: str
    epoch: int
    position: int
    digest: str


class AuditRow(NamedTuple):
    """What an operator did (its number is the database's)."""

    done_at: datetime
    who: str
    action: str  # an Action's value
    partition_key: str
    trade_id: str | None
    epoch: int | None
    position: int | None
    why: str
    result: str
