"""What each take was made of, as a digest, so that a take that was paid for twice can be told.

Programs of the schema before go on working: a sweep of a newer one fills it, from the first take on, and no
start writes to it.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import PortableText

revision = "0010_same_inputs"
down_revision = "0009_price_rules"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.create_table(
        "take_inputs",
        *(sa.Column(name, PortableText(), nullable=False) for name in ("job_id", "sha256", "since_id")),
        sa.Column("twin_id", PortableText(), nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("take_inputs_sha256", "take_inputs", ["sha256", "job_id"])
    twins = sa.text("twin_id IS NOT NULL")
    op.create_index("take_inputs_twin", "take_inputs", ["job_id"], sqlite_where=twins, postgresql_where=twins)


def downgrade() -> None:
    op.drop_table("take_inputs")
    op.execute("DELETE FROM fact WHERE name = 'same_inputs'")
