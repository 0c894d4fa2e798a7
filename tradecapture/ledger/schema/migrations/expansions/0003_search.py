"""Indexes that searches need. They only add, so that release 0.1.0 runs on."""

from alembic import op

revision = "0003"
down_revision = None  # the first of its line; the floor stands at 0002
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
    """Make the indexes; on PostgreSQL without keeping captures waiting.

    On SQL Server captures wait while an index is made: ONLINE = ON is for the Enterprise edition
    and Azure only, so that administrators of those add it to what `db upgrade --sql` prints.
    """
    if op.get_context().dialect.name != "postgresql":
        for name, (table, columns) in INDEXES.items():
            op.create_index(name, table, columns)
        return
    with op.get_context().autocommit_block():
        # It waits for transactions older than it, and nobody waits for it meanwhile.
        op.execute("SET lock_timeout = 0")
        for name, (table, columns) in INDEXES.items():
            # An attempt that was broken off has left one that is not valid.
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
            op.create_index(name, table, columns, postgresql_concurrently=True)
        op.execute("SET lock_timeout = DEFAULT")


def downgrade() -> None:
    """Drop the indexes."""
    for name, (table, _columns) in INDEXES.items():
        op.drop_index(name, table)
