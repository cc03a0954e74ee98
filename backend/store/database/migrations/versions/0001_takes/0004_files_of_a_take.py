"""Every file of a take: rows for those that an output names, and files that are no video.

Programs of the schema before go on working: what they store has no row in `file`, and is its take's one video.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import BigInt, Json, PortableText, UtcDateTime

revision = "0004_files"
down_revision = "0003_sums"
branch_labels = None
depends_on = None

oldest_program = "0001"


def upgrade() -> None:
    op.create_table(
        "file",
        sa.Column("job_id", PortableText(), nullable=False),
        sa.Column("role", PortableText(), nullable=False),
        sa.Column("position", BigInt, nullable=False),
        sa.Column("video_id", PortableText(), nullable=True),
        sa.Column("attempts", BigInt, nullable=False),
        sa.Column("error", Json, nullable=True),
        sa.Column("seen_sha256", PortableText(), nullable=True),
        sa.Column("keep_unchecked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("given_up_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "role"),
    )
    known = sa.text("video_id IS NOT NULL")
    op.create_index("file_video", "file", ["video_id"], sqlite_where=known, postgresql_where=known)
    op.add_column("job", sa.Column("outputs", Json, nullable=True))
    op.add_column("video", sa.Column("kind", PortableText(), server_default="video", nullable=False))
    op.add_column("video", sa.Column("checked", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("video", sa.Column("problem", PortableText(), nullable=True))


def downgrade() -> None:
    for name in ("problem", "checked", "kind"):
        op.drop_column("video", name)
    op.drop_column("job", "outputs")
    op.drop_index("file_video", "file")
    op.drop_table("file")
