"""What people make of takes: projects, collections, tags, ratings, reviews, notes, a trash, drafts.

Programs of the schema before go on working: they show every take, also those in the trash.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import BigInt, Json, PortableText, UtcDateTime

revision = "0012_library"
down_revision = "0011_team"
branch_labels = None
depends_on = None

oldest_program = "0001"

_OF_JOB = ("project_id", "review", "review_by", "note", "trashed_by")
_MOMENTS_OF_JOB = ("review_at", "trashed_at", "emptied_at")
_NUMBERS_OF_JOB = ("rating_sum", "rating_count", "edits")


def _text(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, PortableText(), nullable=nullable) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, UtcDateTime(timezone=True), nullable=nullable) for name in names]


def _named(table: str) -> None:
    op.create_table(
        table,
        *_text("id", "name", "folded"),
        *_moments("created_at"),
        *_text("created_by"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("folded"),
    )


def _links() -> None:
    op.create_table(
        "collection_take",
        *_text("collection_id", "job_id"),
        *_moments("added_at"),
        *_text("added_by"),
        sa.PrimaryKeyConstraint("collection_id", "job_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("collection_take_job", "collection_take", ["job_id"])
    op.create_table(
        "take_tag",
        *_text("job_id", "folded", "tag"),
        *_moments("at"),
        *_text("by"),
        sa.PrimaryKeyConstraint("job_id", "folded"),
        sqlite_with_rowid=False,
    )
    op.create_index("take_tag_tag", "take_tag", ["folded", "job_id"])
    op.create_table(
        "take_opinion",
        *_text("job_id", "person"),
        sa.Column("rating", BigInt, nullable=True),
        sa.Column("favourite", sa.Boolean(), nullable=False, server_default=sa.false()),
        *_moments("at"),
        sa.PrimaryKeyConstraint("job_id", "person"),
        sqlite_with_rowid=False,
    )
    op.create_index("take_opinion_person", "take_opinion", ["person", "favourite", "job_id"])
    op.create_table(
        "take_origin",
        *_text("job_id", "from_id", "how"),
        sa.PrimaryKeyConstraint("job_id", "from_id", "how"),
        sqlite_with_rowid=False,
    )
    op.create_index("take_origin_from", "take_origin", ["from_id", "job_id"])


def upgrade() -> None:
    _named("project")
    _named("collection")
    _links()
    op.create_table(
        "take_edit",
        sa.Column("id", BigInt, autoincrement=True, nullable=False),
        *_text("job_id"),
        *_moments("at"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,  # a number is never given twice: open pages remember the last
    )
    op.create_table(
        "undo_step",
        *_text("id", "by"),
        *_moments("at"),
        sa.Column("changes", Json, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "saved_view",
        *_text("id", "owner", "name", "folded"),
        sa.Column("shared", sa.Boolean(), nullable=False),
        *_text("query"),
        *_moments("changed_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("saved_view_once", "saved_view", ["owner", "folded"], unique=True)
    op.create_table(
        "draft",
        *_text("owner"),
        sa.Column("form", Json, nullable=True),
        *_moments("changed_at"),
        sa.PrimaryKeyConstraint("owner"),
    )
    for column in (
        *_text(*_OF_JOB, nullable=True),
        *_moments(*_MOMENTS_OF_JOB, nullable=True),
        *(sa.Column(name, BigInt, nullable=False, server_default="0") for name in _NUMBERS_OF_JOB),
    ):
        op.add_column("job", column)


def downgrade() -> None:
    for name in (*_OF_JOB, *_MOMENTS_OF_JOB, *_NUMBERS_OF_JOB):
        op.drop_column("job", name)
    for table in (
        "draft", "saved_view", "undo_step", "take_edit", "take_origin", "take_opinion", "take_tag",
        "collection_take", "collection", "project",
    ):  # fmt: skip
        op.drop_table(table)
