"""The tables of the ledger."""

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Unicode,
)

from tradecapture.ledger.schema.column_types import DAY, LONG_TEXT, ExactDecimal, UtcTimestamp, key
from tradecapture.trades.partition import PARTITION_KEY_LENGTH
from tradecapture.trades.submission import CALLBACK_URL_LENGTH, CORRELATION_ID_LENGTH
from tradecapture.trades.trade import PARTITION_ID_LENGTH, TRADE_ID_LENGTH

OUTCOME_LENGTH = 10  # characters; the longest outcome is DUPLICATE
ACTION_LENGTH = 10  # characters; the longest action of an operator is release
WHO_LENGTH = 100  # characters of an operator's name
DIGEST_LENGTH = 32  # hexadecimal digits
TASK_ID_LENGTH = 64  # characters; Celery's are UUIDs of 36

metadata = MetaData()


def _event_id() -> "Column[int]":
    # SQLite numbers rows by itself only if the primary key is an INTEGER.
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column("event_id", kind, Identity(), primary_key=True)


# A partition's row is its lock, and sums up its captured trades.
partitions = Table(
    "partitions",
    metadata,
    Column("partition_key", key(PARTITION_KEY_LENGTH), primary_key=True),
    Column("account_id", key(PARTITION_ID_LENGTH), nullable=False),
    Column("book_id", key(PARTITION_ID_LENGTH), nullable=False),
    Column("security_id", key(PARTITION_ID_LENGTH), nullable=False),
    Column("fence", BigInteger, nullable=False),  # of the newest claim that wrote; Redis time, us
    Column("last_sequence", BigInteger, nullable=False),  # trades captured, without gaps
    Column("epoch", BigInteger, nullable=False),  # of the last captured trade
    Column("last_position", BigInteger, nullable=False),  # of the last captured trade
    Column("inversions", BigInteger, nullable=False),  # trades captured after a later one; 0
    Column("net_quantity", ExactDecimal, nullable=False),
    Column("quantities", LONG_TEXT, nullable=False),  # JSON: unit -> sum of quantities
    Column("notionals", LONG_TEXT, nullable=False),  # JSON: currency -> sum of notionals
    Column("last_trade_date", DAY, nullable=True),
    Column("halted_epoch", BigInteger, nullable=True),  # of the parked trade that halted it
    Column("halted_position", BigInteger, nullable=True),
    Column("halted_reason", LONG_TEXT, nullable=True),
    Column("updated_at", UtcTimestamp, nullable=False),
    Column("paused_reason", LONG_TEXT, nullable=True),  # the operator and the reason
    # The last of upstream's numbers that was captured or passed.
    Column("upstream", BigInteger, nullable=False, server_default="0"),
    Column("buffered", BigInteger, nullable=False, server_default="0"),  # trades ahead of that
    # For searches by book or security, in the order of the pages. Written with a new partition and
    # never again, so captures do not pay for them.
    Index("partitions_book", "book_id", "partition_key"),
    Index("partitions_security", "security_id", "partition_key"),
)

# Captured trades. The primary key ensures that a trade has one effect.
trades = Table(
    "trades",
    metadata,
    Column("trade_id", key(TRADE_ID_LENGTH), primary_key=True),
    Column("partition_key", key(PARTITION_KEY_LENGTH), nullable=False),
    Column("ledger_sequence", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("digest", String(DIGEST_LENGTH), nullable=False),
    Column("outcome", String(OUTCOME_LENGTH), nullable=False),
    Column("trade_date", DAY, nullable=False),
    Column("accepted_at", UtcTimestamp, nullable=False),
    Column("captured_at", UtcTimestamp, nullable=False),
    Column("task_id", String(TASK_ID_LENGTH), nullable=False),
    Column("correlation_id", Unicode(CORRELATION_ID_LENGTH), nullable=False),
    Column("document", LONG_TEXT, nullable=False),
    # Upstream's number that the partition reached with the trade; null: the trade has none, or was
    # replayed after the partition had passed it.
    Column("sequence_number", BigInteger, nullable=True),
    Column("buffered_at", UtcTimestamp, nullable=True),  # null: it was not buffered
    # A partition's trades in order; it also refuses the same ledger sequence twice.
    Index("trades_partition_sequence", "partition_key", "ledger_sequence", unique=True),
    # For searches by trade date, which would otherwise read all trades.
    Index("trades_date", "trade_date", "partition_key", "ledger_sequence"),
)

# Accepted trades that are not captured, with the reason: duplicate, rejected, parked or buffered.
# A buffered trade moves to `trades` when the lower upstream numbers have come. Every accepted
# position has one row, either here or in `trades`.
exceptions = Table(
    "exceptions",
    metadata,
    Column("partition_key", key(PARTITION_KEY_LENGTH), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("trade_id", key(TRADE_ID_LENGTH), primary_key=True),
    Column("digest", String(DIGEST_LENGTH), nullable=False),
    Column("outcome", String(OUTCOME_LENGTH), nullable=False),
    Column("reason", LONG_TEXT, nullable=False),
    Column("accepted_at", UtcTimestamp, nullable=False),
    Column("recorded_at", UtcTimestamp, nullable=False),
    Column("task_id", String(TASK_ID_LENGTH), nullable=False),
    Column("correlation_id", Unicode(CORRELATION_ID_LENGTH), nullable=False),
    Column("document", LONG_TEXT, nullable=False),
    Column("sequence_number", BigInteger, nullable=True),
    Column("callback_url", Unicode(CALLBACK_URL_LENGTH), nullable=False, server_default=""),
    Index("exceptions_trade", "trade_id"),
    Index("exceptions_outcome", "outcome", "recorded_at"),
    # For searches by outcome, in the order of the pages.
    Index("exceptions_outcome_place", "outcome", "partition_key", "epoch", "position", "trade_id"),
)

# Events to deliver: one for each outcome of a trade whose submitter gave a callback URL.
outbox = Table(
    "outbox",
    metadata,
    _event_id(),
    Column("trade_id", key(TRADE_ID_LENGTH), nullable=False),
    Column("partition_key", key(PARTITION_KEY_LENGTH), nullable=False),
    Column("outcome", String(OUTCOME_LENGTH), nullable=False),
    Column("callback_url", Unicode(CALLBACK_URL_LENGTH), nullable=False),
    Column("correlation_id", Unicode(CORRELATION_ID_LENGTH), nullable=False),
    Column("created_at", UtcTimestamp, nullable=False),
)

# What operators did: who, when, what, why, and the result. Written in the transaction of the
# action, and never changed.
audit = Table(
    "audit",
    metadata,
    _event_id(),
    Column("done_at", UtcTimestamp, nullable=False),
    Column("who", Unicode(WHO_LENGTH), nullable=False),
    Column("action", String(ACTION_LENGTH), nullable=False),
    Column("partition_key", key(PARTITION_KEY_LENGTH), nullable=False),
    Column("trade_id", key(TRADE_ID_LENGTH), nullable=True),
    Column("epoch", BigInteger, nullable=True),
    Column("position", BigInteger, nullable=True),
    Column("why", LONG_TEXT, nullable=False),
    Column("result", LONG_TEXT, nullable=False),
    Index("audit_partition", "partition_key"),
)
