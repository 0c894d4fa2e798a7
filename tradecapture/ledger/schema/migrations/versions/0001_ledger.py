"""The ledger's first tables: partitions, trades, exceptions, outbox."""

import sqlalchemy as sa
from alembic import op

from tradecapture.ledger.schema.column_types import DAY, LONG_TEXT, ExactDecimal, UtcTimestamp, key

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "partitions",
        sa.Column("partition_key", key(302), primary_key=True),
        sa.Column("account_id", key(50), nullable=False),
        sa.Column("book_id", key(50), nullable=False),
        sa.Column("security_id", key(50), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("last_position", sa.BigInteger, nullable=False),
        sa.Column("inversions", sa.BigInteger, nullable=False),
        sa.Column("net_quantity", ExactDecimal, nullable=False),
        sa.Column("quantities", LONG_TEXT, nullable=False),
        sa.Column("notionals", LONG_TEXT, nullable=False),
        sa.Column("last_trade_date", DAY, nullable=True),
        sa.Column("halted_epoch", sa.BigInteger, nullable=True),
        sa.Column("halted_position", sa.BigInteger, nullable=True),
        sa.Column("halted_reason", LONG_TEXT, nullable=True),
        sa.Column("updated_at", UtcTimestamp, nullable=False),
    )
    op.create_table(
        "trades",
        sa.Column("trade_id", key(100), primary_key=True),
        sa.Column("partition_key", key(302), nullable=False),
        sa.Column("ledger_sequence", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("trade_date", DAY, nullable=False),
        sa.Column("accepted_at", UtcTimestamp, nullable=False),
        sa.Column("captured_at", UtcTimestamp, nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("correlation_id", sa.Unicode(128), nullable=False),
        sa.Column("document", LONG_TEXT, nullable=False),
    )
    op.create_index(
        "trades_partition_sequence", "trades", ["partition_key", "ledger_sequence"], unique=True
    )
    op.create_table(
        "exceptions",
        sa.Column("partition_key", key(302), primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("trade_id", key(100), primary_key=True),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("reason", LONG_TEXT, nullable=False),
        sa.Column("accepted_at", UtcTimestamp, nullable=False),
        sa.Column("recorded_at", UtcTimestamp, nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("correlation_id", sa.Unicode(128), nullable=False),
        sa.Column("document", LONG_TEXT, nullable=False),
    )
    op.create_index("exceptions_trade", "exceptions", ["trade_id"])
    op.create_table(
        "outbox",
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(),
            primary_key=True,
        ),
        sa.Column("trade_id", key(100), nullable=False),
        sa.Column("partition_key", key(302), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("callback_url", sa.Unicode(2000), nullable=False),
        sa.Column("correlation_id", sa.Unicode(128), nullable=False),
        sa.Column("created_at", UtcTimestamp, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables, with every captured trade."""
    for table in ("outbox", "exceptions", "trades", "partitions"):
        op.drop_table(table)
