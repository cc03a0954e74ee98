"""Sums of what was spent by person, model and template of each day, statements of months, an index of waste.

Programs of the schema before go on working: they write lines, and whoever asks adds them up. The first sweeps
add up the ledger as it is; until then sums read all of it.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import BigInt, PortableText, UtcDateTime

revision = "0006_spend"
down_revision = "0005_players"
branch_labels = None
depends_on = None

oldest_program = "0001"

SUMS = ("takes", "priced", "unpriced", "estimated_micros", "billed_micros", "open_micros", "compared",
        "compared_estimated_micros", "compared_billed_micros")  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "spend_sum",
        *(sa.Column(name, PortableText(), nullable=False) for name in ("day", "owner", "model")),
        sa.Column("template", BigInt, nullable=False),
        *(sa.Column(name, BigInt, nullable=False) for name in SUMS),
        sa.PrimaryKeyConstraint("day", "owner", "model", "template"),
    )
    op.create_table(
        "month_statement",
        sa.Column("month", PortableText(), nullable=False),
        sa.Column("closed_at", UtcDateTime(timezone=True), nullable=False),
        *(sa.Column(name, PortableText(), nullable=False) for name in ("closed_by", "content", "sha256")),
        sa.PrimaryKeyConstraint("month"),
    )
    wasted = sa.text("billed_usd > 0 AND state IN ('failed', 'cancelled')")
    op.create_index("job_wasted", "job", ["id"], sqlite_where=wasted, postgresql_where=wasted)


def downgrade() -> None:
    op.drop_index("job_wasted", "job")
    op.drop_table("month_statement")
    op.drop_table("spend_sum")
    op.execute("DELETE FROM fact WHERE name = 'spend_summed'")
