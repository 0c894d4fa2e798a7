"""The outbox goes, because release 0.4.0 no longer writes to it."""

from alembic import op

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the table."""
    op.drop_table("outbox")


def downgrade() -> None:
    """Refuse, because the rows of the table are lost."""
    raise NotImplementedError
