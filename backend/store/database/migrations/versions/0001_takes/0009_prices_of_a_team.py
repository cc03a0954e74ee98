"""Rules that price takes, as a team writes them, with who and when; the newest one of a model holds.

Programs of the schema before go on working, and price by the rules that came with them.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import Json, PortableText, UtcDateTime

revision = "0009_price_rules"
down_revision = "0008_charges"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.create_table(
        "price_rule",
        *(sa.Column(name, PortableText(), nullable=False) for name in ("id", "endpoint")),
        sa.Column("rule", Json, nullable=True),
        sa.Column("note", PortableText(), nullable=False),
        sa.Column("set_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("set_by", PortableText(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("price_rule_endpoint", "price_rule", ["endpoint", "id"])


def downgrade() -> None:
    op.drop_index("price_rule_endpoint", "price_rule")
    op.drop_table("price_rule")
