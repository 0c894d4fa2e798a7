"""A column for a trade's desk; releases before 0.4.0 leave it empty."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("trades", sa.Column("desk", sa.Unicode(20), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("trades", "desk")
