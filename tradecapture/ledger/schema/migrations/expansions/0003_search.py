"""Indexes for searches. Release 0.1.0 keeps working, because this only adds."""

from alembic import op

revision = "0003"
down_revision = None  # the first of its phase; the contract phase is at 0002
branch_labels = None
depends_on = None

INDEXES = {
    "partitions_book": ("partitions", ["book_id", "partition_key"]),
    "partitions_security": ("partitions", ["security_id", "partition_key"]),
    "exceptions_outcome_place": (
        "exceptions",
        ["outcome", "partition_key", "epoch", "position", "trade_id"],
    ),
    "trades_date": ("trades", ["trade_date", "partition_key", "ledger_sequence"]),
}


def upgrade() -> None:
    """Create the indexes; on PostgreSQL captures do not wait for that.

    On SQL Server they do. Only the Enterprise edition and Azure have ONLINE = ON, which their
    administrators can add to what `db upgrade --sql` prints.
    """
    if op.get_context().dialect.name != "postgresql":
        for name, (table, columns) in INDEXES.items():
            op.create_index(name, table, columns)
        return
    with op.get_context().autocommit_block():
        # CREATE INDEX CONCURRENTLY waits for older transactions, but no one waits for its locks.
        op.execute("SET lock_timeout = 0")
        for name, (table, columns) in INDEXES.items():
            # An interrupted attempt has left an invalid index.
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
            op.create_index(name, table, columns, postgresql_concurrently=True)
        op.execute("SET lock_timeout = DEFAULT")


def downgrade() -> None:
    """Drop the indexes."""
    for name, (table, _columns) in INDEXES.items():
        op.drop_index(name, table)
