"""Columns for pauses and upstream numbers, and the audit. Code for 0001 keeps working."""

import sqlalchemy as sa
from alembic import op

from tradecapture.ledger.schema.column_types import LONG_TEXT, UtcTimestamp, key

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("partitions", sa.Column("paused_reason", LONG_TEXT, nullable=True))
    for name in ("upstream", "buffered"):
        counter = sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        op.add_column("partitions", counter)
    for table in ("trades", "exceptions"):
        op.add_column(table, sa.Column("sequence_number", sa.BigInteger, nullable=True))
    op.add_column("trades", sa.Column("buffered_at", UtcTimestamp, nullable=True))
    callback = sa.Column("callback_url", sa.Unicode(2000), nullable=False, server_default="")
    op.add_column("exceptions", callback)
    op.create_index("exceptions_outcome", "exceptions", ["outcome", "recorded_at"])
    op.create_table(
        "audit",
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(),
            primary_key=True,
        ),
        sa.Column("done_at", UtcTimestamp, nullable=False),
        sa.Column("who", sa.Unicode(100), nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("partition_key", key(302), nullable=False),
        sa.Column("trade_id", key(100), nullable=True),
        sa.Column("epoch", sa.BigInteger, nullable=True),
        sa.Column("position", sa.BigInteger, nullable=True),
        sa.Column("why", LONG_TEXT, nullable=False),
        sa.Column("result", LONG_TEXT, nullable=False),
    )
    op.create_index("audit_partition", "audit", ["partition_key"])


def downgrade() -> None:
    """Drop the columns and the table, with the audit and the trades' upstream numbers."""
    op.drop_table("audit")
    op.drop_index("exceptions_outcome", "exceptions")
    for table, column in (
        ("exceptions", "callback_url"),
        ("trades", "buffered_at"),
        ("exceptions", "sequence_number"),
        ("trades", "sequence_number"),
        ("partitions", "buffered"),
        ("partitions", "upstream"),
        ("partitions", "paused_reason"),
    ):
        # SQL Server drops a column only after its default.
        op.drop_column(table, column, mssql_drop_default=True)
