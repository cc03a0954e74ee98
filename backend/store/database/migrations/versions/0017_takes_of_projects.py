"""An index of the takes of each project: what they cost is added up take by take."""

import sqlalchemy as sa
from alembic import op

revision = "0017_takes_of_projects"
down_revision = "0016_index"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    known = sa.text("project_id IS NOT NULL")
    op.create_index("job_project", "job", ["project_id", "id"], sqlite_where=known, postgresql_where=known)


def downgrade() -> None:
    op.drop_index("job_project", table_name="job")
