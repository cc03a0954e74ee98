"""The first schema."""

import sqlalchemy as sa
from alembic import op

from backend.models import BigInt, Json, PortableText, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", PortableText(), nullable=False),
        sa.Column("job_id", PortableText(), nullable=False),
        sa.Column("request_id", PortableText(), nullable=False),
        sa.Column("gateway_request_id", PortableText(), nullable=True),
        sa.Column("status", PortableText(), nullable=False),
        sa.Column("verdict", PortableText(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_sha256", PortableText(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("signed_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("copies", BigInt, nullable=False),
        sa.Column("replays", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("delivery_job", ["job_id"], unique=False)
        batch_op.create_index("delivery_once", ["request_id", "status", "body_sha256"], unique=True)

    op.create_table(
        "fact",
        sa.Column("name", PortableText(), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "favourite",
        sa.Column("owner", PortableText(), nullable=False),
        sa.Column("model", PortableText(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", "model"),
    )
    op.create_table(
        "history",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("job_id", PortableText(), nullable=False),
        sa.Column("event", PortableText(), nullable=False),
        sa.Column("state", PortableText(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", PortableText(), nullable=False),
        sa.Column("note", PortableText(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.create_index("history_job", ["job_id", "id"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", PortableText(), nullable=False),
        sa.Column("owner", PortableText(), nullable=False),
        sa.Column("form_key", PortableText(), nullable=True),
        sa.Column("form_hash", PortableText(), nullable=True),
        sa.Column("parent_id", PortableText(), nullable=True),
        sa.Column("provider", PortableText(), nullable=False),
        sa.Column("model", PortableText(), nullable=False),
        sa.Column("prompt", PortableText(), nullable=False),
        sa.Column("sent_prompt", PortableText(), nullable=False),
        sa.Column("template_version", BigInt, nullable=True),
        sa.Column("style", Json, nullable=False),
        sa.Column("params", Json, nullable=False),
        sa.Column("image", PortableText(), nullable=True),
        sa.Column("payload", Json, nullable=False),
        sa.Column("image_field", PortableText(), nullable=True),
        sa.Column("image_link", PortableText(), nullable=True),
        sa.Column("images", Json, nullable=False),
        sa.Column("image_links", Json, nullable=False),
        sa.Column("estimate_usd", sa.Float(), nullable=True),
        sa.Column("price", Json, nullable=True),
        sa.Column("billed_units", sa.Float(), nullable=True),
        sa.Column("billed_usd", sa.Float(), nullable=True),
        sa.Column("bill_tries", BigInt, nullable=False),
        sa.Column("state", PortableText(), nullable=False),
        sa.Column("state_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("version", BigInt, nullable=False),
        sa.Column("error", Json, nullable=True),
        sa.Column("cancel_requested_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", BigInt, nullable=False),
        sa.Column("polls", BigInt, nullable=False),
        sa.Column("claimed_by", PortableText(), nullable=True),
        sa.Column("claimed_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("request_id", PortableText(), nullable=True),
        sa.Column("status_url", PortableText(), nullable=True),
        sa.Column("response_url", PortableText(), nullable=True),
        sa.Column("cancel_url", PortableText(), nullable=True),
        sa.Column("webhook_asked", sa.Boolean(), nullable=False),
        sa.Column("queue_position", BigInt, nullable=True),
        sa.Column("result_url", PortableText(), nullable=True),
        sa.Column("result_size_bytes", BigInt, nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.Column("fetched_bytes", BigInt, nullable=True),
        sa.Column("fetch_total_bytes", BigInt, nullable=True),
        sa.Column("video_id", PortableText(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("rendered_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
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
        sa.Column("id", BigInt, nullable=False),
        sa.Column("job_id", PortableText(), nullable=False),
        sa.Column("owner", PortableText(), nullable=False),
        sa.Column("day", PortableText(), nullable=False),
        sa.Column("kind", PortableText(), nullable=False),
        sa.Column("micros", BigInt, nullable=False),
        sa.Column("source", PortableText(), nullable=False),
        sa.Column("units", sa.Float(), nullable=True),
        sa.Column("unit", PortableText(), nullable=True),
        sa.Column("unit_usd", sa.Float(), nullable=True),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("line", schema=None) as batch_op:
        batch_op.create_index("line_day", ["day", "owner", "micros"], unique=False)
        batch_op.create_index("line_job", ["job_id", "micros"], unique=False)

    op.create_table(
        "offer",
        sa.Column("id", PortableText(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "preset",
        sa.Column("id", PortableText(), nullable=False),
        sa.Column("owner", PortableText(), nullable=False),
        sa.Column("name", PortableText(), nullable=False),
        sa.Column("folded", PortableText(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("form", Json, nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("preset", schema=None) as batch_op:
        batch_op.create_index("preset_once", ["owner", "folded"], unique=True)

    op.create_table(
        "sweep",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("took_s", sa.Float(), nullable=False),
        sa.Column("did", Json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "template",
        sa.Column("version", BigInt, autoincrement=False, nullable=False),
        sa.Column("text", PortableText(), nullable=False),
        sa.Column("note", PortableText(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", PortableText(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "token",
        sa.Column("id", PortableText(), nullable=False),
        sa.Column("name", PortableText(), nullable=False),
        sa.Column("role", PortableText(), nullable=False),
        sa.Column("secret_sha256", PortableText(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "upload",
        sa.Column("id", PortableText(), nullable=False),
        sa.Column("owner", PortableText(), nullable=False),
        sa.Column("sha256", PortableText(), nullable=False),
        sa.Column("key", PortableText(), nullable=False),
        sa.Column("file_name", PortableText(), nullable=False),
        sa.Column("content_type", PortableText(), nullable=False),
        sa.Column("size_bytes", BigInt, nullable=False),
        sa.Column("width", BigInt, nullable=False),
        sa.Column("height", BigInt, nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("provider_url", PortableText(), nullable=True),
        sa.Column("provider_url_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.create_index("upload_once", ["owner", "sha256"], unique=True)

    op.create_table(
        "video",
        sa.Column("id", PortableText(), nullable=False),
        sa.Column("sha256", PortableText(), nullable=False),
        sa.Column("key", PortableText(), nullable=False),
        sa.Column("content_type", PortableText(), nullable=False),
        sa.Column("size_bytes", BigInt, nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("width", BigInt, nullable=False),
        sa.Column("height", BigInt, nullable=False),
        sa.Column("fps", sa.Float(), nullable=True),
        sa.Column("codec", PortableText(), nullable=True),
        sa.Column("poster_key", PortableText(), nullable=True),
        sa.Column("preview_key", PortableText(), nullable=True),
        sa.Column("preview_tries", BigInt, nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("missing_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("checked_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.create_index("video_missing", ["missing_at"], unique=False)
        batch_op.create_index("video_sha256", ["sha256"], unique=True)

    op.create_table(
        "word",
        sa.Column("id", PortableText(), nullable=False),
        sa.Column("axis", PortableText(), nullable=False),
        sa.Column("label", PortableText(), nullable=False),
        sa.Column("folded", PortableText(), nullable=False),
        sa.Column("words", PortableText(), nullable=False),
        sa.Column("poster_key", PortableText(), nullable=True),
        sa.Column("position", BigInt, nullable=False),
        sa.Column("retired_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by", PortableText(), nullable=False),
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
