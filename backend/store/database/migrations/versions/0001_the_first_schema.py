"""The first schema."""

import sqlalchemy as sa
from alembic import op

from backend.models import Json, Moment, Whole, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", Words(), nullable=False),
        sa.Column("job_id", Words(), nullable=False),
        sa.Column("request_id", Words(), nullable=False),
        sa.Column("gateway_request_id", Words(), nullable=True),
        sa.Column("status", Words(), nullable=False),
        sa.Column("verdict", Words(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_sha256", Words(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("signed_at", Moment(timezone=True), nullable=False),
        sa.Column("received_at", Moment(timezone=True), nullable=False),
        sa.Column("last_at", Moment(timezone=True), nullable=False),
        sa.Column("copies", Whole, nullable=False),
        sa.Column("replays", Whole, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("delivery_job", ["job_id"], unique=False)
        batch_op.create_index("delivery_once", ["request_id", "status", "body_sha256"], unique=True)

    op.create_table(
        "fact",
        sa.Column("name", Words(), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "favourite",
        sa.Column("owner", Words(), nullable=False),
        sa.Column("model", Words(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", "model"),
    )
    op.create_table(
        "history",
        sa.Column("id", Whole, nullable=False),
        sa.Column("job_id", Words(), nullable=False),
        sa.Column("event", Words(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("by", Words(), nullable=False),
        sa.Column("note", Words(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.create_index("history_job", ["job_id", "id"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", Words(), nullable=False),
        sa.Column("owner", Words(), nullable=False),
        sa.Column("form_key", Words(), nullable=True),
        sa.Column("form_hash", Words(), nullable=True),
        sa.Column("parent_id", Words(), nullable=True),
        sa.Column("provider", Words(), nullable=False),
        sa.Column("model", Words(), nullable=False),
        sa.Column("prompt", Words(), nullable=False),
        sa.Column("sent_prompt", Words(), nullable=False),
        sa.Column("template_version", Whole, nullable=True),
        sa.Column("style", Json, nullable=False),
        sa.Column("params", Json, nullable=False),
        sa.Column("image", Words(), nullable=True),
        sa.Column("payload", Json, nullable=False),
        sa.Column("image_field", Words(), nullable=True),
        sa.Column("image_link", Words(), nullable=True),
        sa.Column("images", Json, nullable=False),
        sa.Column("image_links", Json, nullable=False),
        sa.Column("estimate_usd", sa.Float(), nullable=True),
        sa.Column("price", Json, nullable=True),
        sa.Column("billed_units", sa.Float(), nullable=True),
        sa.Column("billed_usd", sa.Float(), nullable=True),
        sa.Column("bill_tries", Whole, nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("state_at", Moment(timezone=True), nullable=False),
        sa.Column("version", Whole, nullable=False),
        sa.Column("error", Json, nullable=True),
        sa.Column("cancel_requested_at", Moment(timezone=True), nullable=True),
        sa.Column("due_at", Moment(timezone=True), nullable=True),
        sa.Column("attempts", Whole, nullable=False),
        sa.Column("polls", Whole, nullable=False),
        sa.Column("claimed_by", Words(), nullable=True),
        sa.Column("claimed_until", Moment(timezone=True), nullable=True),
        sa.Column("request_id", Words(), nullable=True),
        sa.Column("status_url", Words(), nullable=True),
        sa.Column("response_url", Words(), nullable=True),
        sa.Column("cancel_url", Words(), nullable=True),
        sa.Column("webhook_asked", sa.Boolean(), nullable=False),
        sa.Column("queue_position", Whole, nullable=True),
        sa.Column("result_url", Words(), nullable=True),
        sa.Column("result_size_bytes", Whole, nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.Column("fetched_bytes", Whole, nullable=True),
        sa.Column("fetch_total_bytes", Whole, nullable=True),
        sa.Column("video_id", Words(), nullable=True),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("submitted_at", Moment(timezone=True), nullable=True),
        sa.Column("started_at", Moment(timezone=True), nullable=True),
        sa.Column("rendered_at", Moment(timezone=True), nullable=True),
        sa.Column("ended_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(
            "job_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "job_form",
            ["owner", "form_key"],
            unique=True,
            sqlite_where=sa.text("form_key IS NOT NULL"),
            postgresql_where=sa.text("form_key IS NOT NULL"),
        )
        batch_op.create_index("job_model", ["model", "id"], unique=False)
        batch_op.create_index("job_owner", ["owner", "id"], unique=False)
        batch_op.create_index(
            "job_request",
            ["provider", "request_id"],
            unique=True,
            sqlite_where=sa.text("request_id IS NOT NULL"),
            postgresql_where=sa.text("request_id IS NOT NULL"),
        )
        batch_op.create_index("job_state", ["state", "id"], unique=False)
        batch_op.create_index(
            "job_video",
            ["video_id"],
            unique=False,
            sqlite_where=sa.text("video_id IS NOT NULL"),
            postgresql_where=sa.text("video_id IS NOT NULL"),
        )

    op.create_table(
        "line",
        sa.Column("id", Whole, nullable=False),
        sa.Column("job_id", Words(), nullable=False),
        sa.Column("owner", Words(), nullable=False),
        sa.Column("day", Words(), nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("micros", Whole, nullable=False),
        sa.Column("source", Words(), nullable=False),
        sa.Column("units", sa.Float(), nullable=True),
        sa.Column("unit", Words(), nullable=True),
        sa.Column("unit_usd", sa.Float(), nullable=True),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.create_index("line_day", ["day", "owner", "micros"], unique=False)
        batch_op.create_index("line_job", ["job_id", "micros"], unique=False)

    op.create_table(
        "offer",
        sa.Column("id", Words(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "preset",
        sa.Column("id", Words(), nullable=False),
        sa.Column("owner", Words(), nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("folded", Words(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("form", Json, nullable=False),
        sa.Column("changed_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("preset", schema=None) as batch_op:
        batch_op.create_index("preset_once", ["owner", "folded"], unique=True)

    op.create_table(
        "sweep",
        sa.Column("id", Whole, nullable=False),
        sa.Column("started_at", Moment(timezone=True), nullable=False),
        sa.Column("took_s", sa.Float(), nullable=False),
        sa.Column("did", Json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "template",
        sa.Column("version", Whole, autoincrement=False, nullable=False),
        sa.Column("text", Words(), nullable=False),
        sa.Column("note", Words(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("by", Words(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "token",
        sa.Column("id", Words(), nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("role", Words(), nullable=False),
        sa.Column("secret_sha256", Words(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("revoked_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "upload",
        sa.Column("id", Words(), nullable=False),
        sa.Column("owner", Words(), nullable=False),
        sa.Column("sha256", Words(), nullable=False),
        sa.Column("key", Words(), nullable=False),
        sa.Column("file_name", Words(), nullable=False),
        sa.Column("content_type", Words(), nullable=False),
        sa.Column("size_bytes", Whole, nullable=False),
        sa.Column("width", Whole, nullable=False),
        sa.Column("height", Whole, nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("provider_url", Words(), nullable=True),
        sa.Column("provider_url_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.create_index("upload_once", ["owner", "sha256"], unique=True)

    op.create_table(
        "video",
        sa.Column("id", Words(), nullable=False),
        sa.Column("sha256", Words(), nullable=False),
        sa.Column("key", Words(), nullable=False),
        sa.Column("content_type", Words(), nullable=False),
        sa.Column("size_bytes", Whole, nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("width", Whole, nullable=False),
        sa.Column("height", Whole, nullable=False),
        sa.Column("fps", sa.Float(), nullable=True),
        sa.Column("codec", Words(), nullable=True),
        sa.Column("poster_key", Words(), nullable=True),
        sa.Column("preview_key", Words(), nullable=True),
        sa.Column("preview_tries", Whole, nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("missing_at", Moment(timezone=True), nullable=True),
        sa.Column("checked_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.create_index("video_missing", ["missing_at"], unique=False)
        batch_op.create_index("video_sha256", ["sha256"], unique=True)

    op.create_table(
        "word",
        sa.Column("id", Words(), nullable=False),
        sa.Column("axis", Words(), nullable=False),
        sa.Column("label", Words(), nullable=False),
        sa.Column("folded", Words(), nullable=False),
        sa.Column("words", Words(), nullable=False),
        sa.Column("poster_key", Words(), nullable=True),
        sa.Column("position", Whole, nullable=False),
        sa.Column("retired_at", Moment(timezone=True), nullable=True),
        sa.Column("changed_at", Moment(timezone=True), nullable=False),
        sa.Column("changed_by", Words(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("word", schema=None) as batch_op:
        batch_op.create_index("word_once", ["axis", "folded"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("word", schema=None) as batch_op:
        batch_op.drop_index("word_once")

    op.drop_table("word")
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.drop_index("video_sha256")
        batch_op.drop_index("video_missing")

    op.drop_table("video")
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.drop_index("upload_once")

    op.drop_table("upload")
    op.drop_table("token")
    op.drop_table("template")
    op.drop_table("sweep")
    with op.batch_alter_table("preset", schema=None) as batch_op:
        batch_op.drop_index("preset_once")

    op.drop_table("preset")
    op.drop_table("offer")
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.drop_index("line_job")
        batch_op.drop_index("line_day")

    op.drop_table("line")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(
            "job_video",
            sqlite_where=sa.text("video_id IS NOT NULL"),
            postgresql_where=sa.text("video_id IS NOT NULL"),
        )
        batch_op.drop_index("job_state")
        batch_op.drop_index(
            "job_request",
            sqlite_where=sa.text("request_id IS NOT NULL"),
            postgresql_where=sa.text("request_id IS NOT NULL"),
        )
        batch_op.drop_index("job_owner")
        batch_op.drop_index("job_model")
        batch_op.drop_index(
            "job_form",
            sqlite_where=sa.text("form_key IS NOT NULL"),
            postgresql_where=sa.text("form_key IS NOT NULL"),
        )
        batch_op.drop_index(
            "job_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("job")
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.drop_index("history_job")

    op.drop_table("history")
    op.drop_table("favourite")
    op.drop_table("fact")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("delivery_once")
        batch_op.drop_index("delivery_job")

    op.drop_table("delivery")
