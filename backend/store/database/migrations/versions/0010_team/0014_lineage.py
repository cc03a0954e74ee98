"""What was sent again before takes had a lineage joins it; how many takes a template made can be counted.

Programs of the schema before go on working: what they send again meanwhile names its first take as ever.
"""

from alembic import op

revision = "0014_lineage"
down_revision = "0012_library"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.execute(
        "INSERT INTO take_origin (job_id, from_id, how) SELECT id, parent_id, 'retry' FROM job"
        " WHERE parent_id IS NOT NULL"
    )
    op.create_index("job_template", "job", ["template_version"])


def downgrade() -> None:
    op.drop_index("job_template", table_name="job")
    op.execute("DELETE FROM take_origin WHERE how = 'retry'")
