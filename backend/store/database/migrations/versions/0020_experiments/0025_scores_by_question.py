"""The scores of one question are found by an index, as its votes are.

Programs of the schema before go on working, and write it as well.
"""

from alembic import op

revision = "0025_scores"
down_revision = "0024_opened"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.create_index("score_experiment", "score", ["experiment_id", "criterion_id", "id"])


def downgrade() -> None:
    op.drop_index("score_experiment", "score")
