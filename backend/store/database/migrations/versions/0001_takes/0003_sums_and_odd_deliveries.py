"""Sums of the ledger that are kept; indexes of deliveries and jobs that are out of the ordinary.

The index of the ledger by day goes: sums no longer need it, and a start writes one page less. Only lines
without a price are looked for by their day. Programs of the first schema go on working, with slower sums.
The first sweeps add up the ledger as it is; until then sums read all of it.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import BigInt, PortableText

revision = "0003_sums"
down_revision = "0002_words"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.create_table(
        "day_sum",
        *(sa.Column(name, PortableText(), nullable=False) for name in ("day", "owner", "model")),
        sa.Column("micros", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("day", "owner", "model"),
    )
    op.drop_index("line_day", "line")
    unknown, odd = sa.text("source = 'unknown'"), sa.text("verdict <> 'applied'")
    asleep = sa.text("due_at IS NULL AND state NOT IN ('stored', 'failed', 'cancelled')")
    op.create_index("job_asleep", "job", ["id"], sqlite_where=asleep, postgresql_where=asleep)
    held = sa.text("state = 'held'")
    op.create_index(
        "job_held", "job", ["state", "owner", "estimate_usd"], sqlite_where=held, postgresql_where=held
    )
    op.create_index("line_unknown", "line", ["day", "owner"], sqlite_where=unknown, postgresql_where=unknown)
    op.create_index("delivery_odd", "delivery", ["verdict", "id"], sqlite_where=odd, postgresql_where=odd)


def downgrade() -> None:
    op.drop_index("job_held", "job")
    op.drop_index("job_asleep", "job")
    op.drop_index("delivery_odd", "delivery")
    op.drop_index("line_unknown", "line")
    op.create_index("line_day", "line", ["day", "owner", "micros"])
    op.drop_table("day_sum")
    op.execute("DELETE FROM fact WHERE name IN ('summed', 'tally')")
