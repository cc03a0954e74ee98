"""An index of the takes in the trash that still have their files: each sweep looks for those whose time is over."""

import sqlalchemy as sa
from alembic import op

revision = "0015_trash"
down_revision = "0014_lineage"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    known = sa.text("trashed_at IS NOT NULL AND emptied_at IS NULL")
    op.create_index("job_trashed", "job", ["trashed_at"], sqlite_where=known, postgresql_where=known)


def downgrade() -> None:
    op.drop_index("job_trashed", table_name="job")
