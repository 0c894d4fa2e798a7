"""The outbox goes, which release 0.4.0 writes no more."""

from alembic import op

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the table."""
    op.drop_table("outbox")


def downgrade() -> None:
    """Nothing brings its rows back."""
    raise NotImplementedError
