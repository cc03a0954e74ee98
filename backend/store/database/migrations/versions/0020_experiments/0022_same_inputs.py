"""What takes were made of, told alike for everybody, so that stored ones can be reused; keys of plans.

Programs of the schema before go on working: what they write of takes lacks the new digest, and a sweep of a
newer one fills it.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import PortableText

revision = "0022_same_inputs"
down_revision = "0021_plan_drafts"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.add_column("take_inputs", sa.Column("input_sha256", PortableText(), nullable=True))
    known, old = sa.text("input_sha256 IS NOT NULL"), sa.text("input_sha256 IS NULL")
    op.create_index(
        "take_inputs_same", "take_inputs", ["input_sha256", "job_id"],
        sqlite_where=known, postgresql_where=known,
    )  # fmt: skip
    op.create_index("take_inputs_old", "take_inputs", ["job_id"], sqlite_where=old, postgresql_where=old)
    for name in ("idempotency_key", "body_sha256"):
        op.add_column("experiment", sa.Column(name, PortableText(), nullable=True))
    keyed = sa.text("idempotency_key IS NOT NULL")
    op.create_index(
        "experiment_once", "experiment", ["owner", "idempotency_key"], unique=True,
        sqlite_where=keyed, postgresql_where=keyed,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("experiment_once", "experiment")
    for name in ("body_sha256", "idempotency_key"):
        op.drop_column("experiment", name)
    op.drop_index("take_inputs_old", "take_inputs")
    op.drop_index("take_inputs_same", "take_inputs")
    op.drop_column("take_inputs", "input_sha256")
