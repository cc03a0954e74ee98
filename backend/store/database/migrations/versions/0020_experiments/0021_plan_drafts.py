"""Editors of plans as people left them.

Programs of the schema before go on working: they know of no such table.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import Json, PortableText, UtcDateTime

revision = "0021_plan_drafts"
down_revision = "0020_experiments"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.create_table(
        "plan_draft",
        sa.Column("owner", PortableText(), nullable=False),
        sa.Column("form", Json, nullable=True),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner"),
    )


def downgrade() -> None:
    op.drop_table("plan_draft")
