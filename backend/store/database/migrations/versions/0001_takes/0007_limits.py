"""Limits of money that admins set, with who and when; those in force and those that were.

Programs of the schema before go on working, and don't know of these limits.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import BigInt, PortableText, UtcDateTime

revision = "0007_limits"
down_revision = "0006_spend"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.create_table(
        "budget",
        *(sa.Column(name, PortableText(), nullable=False) for name in ("id", "scope", "name", "period")),
        sa.Column("hard", sa.Boolean(), nullable=False),
        sa.Column("micros", BigInt, nullable=False),
        sa.Column("set_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("set_by", PortableText(), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", PortableText(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    in_force = sa.text("ended_at IS NULL")
    op.create_index(
        "budget_once",
        "budget",
        ["scope", "name", "period", "hard"],
        unique=True,
        sqlite_where=in_force,
        postgresql_where=in_force,
    )


def downgrade() -> None:
    op.drop_index("budget_once", "budget")
    op.drop_table("budget")
