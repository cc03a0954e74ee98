"""Indexes of the takes in the trash that still have their files, which each sweep looks for, and of projects' takes."""

import sqlalchemy as sa
from alembic import op

revision = "0015_trash"
down_revision = "0014_lineage"
branch_labels = None
depends_on = None

oldest_program = "0001"


def _index(name: str, columns: list[str], known: str) -> None:
    where = sa.text(known)
    op.create_index(name, "job", columns, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    _index("job_trashed", ["trashed_at"], "trashed_at IS NOT NULL AND emptied_at IS NULL")
    _index("job_project", ["project_id", "id"], "project_id IS NOT NULL")


def downgrade() -> None:
    op.drop_index("job_project", table_name="job")
    op.drop_index("job_trashed", table_name="job")
