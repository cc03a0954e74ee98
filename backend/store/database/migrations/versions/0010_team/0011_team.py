"""The team: people, their sessions, tokens that belong to somebody and end, and what was done by whom.

Programs of the schema before go on working: they know of no people, and a token of theirs keeps its rights.
"""

import sqlalchemy as sa
from alembic import op

from backend.models import BigInt, Json, PortableText, UtcDateTime

revision = "0011_team"
down_revision = "0010_same_inputs"
branch_labels = None
depends_on = None

oldest_program = "0001"


def _text(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, PortableText(), nullable=nullable) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, UtcDateTime(timezone=True), nullable=nullable) for name in names]


def upgrade() -> None:
    op.create_table(
        "person",
        *_text("id", "name", "issuer", "subject"),
        *_text("email", "role", nullable=True),
        *_moments("disabled_at", "seen_at", nullable=True),
        *_moments("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("person_identity", "person", ["issuer", "subject"], unique=True)
    op.create_table(
        "login_session",
        *_text("id", "person_id", "provider"),
        sa.Column("claims", Json, nullable=True),
        *_moments("begun_at", "seen_at"),
        *_moments("ended_at", nullable=True),
        *_text("address", "agent", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("login_session_person", "login_session", ["person_id", "begun_at"])
    op.create_table(
        "audit",
        *_text("id", "actor_kind", "actor", "via", "action"),
        *_moments("at"),
        *_text("object_type", "object_id", "space_id", "address", "request_id", nullable=True),
        sa.Column("micros", BigInt, nullable=True),
        sa.Column("changed", Json, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    no_start = sa.text("action <> 'take.started'")
    for name in ("actor", "action", "object_id"):
        op.create_index(
            f"audit_{name.removesuffix('_id')}", "audit", [name, "id"],
            sqlite_where=no_start, postgresql_where=no_start,
        )  # fmt: skip
    op.create_table(
        "refused_deliveries",
        *_text("reason"),
        sa.Column("number", BigInt, nullable=False),
        *_moments("first_at", "last_at"),
        sa.PrimaryKeyConstraint("reason"),
    )
    for column in (
        *_text("person_id", "created_by", nullable=True),
        *_moments("expires_at", "last_used_at", nullable=True),
        sa.Column("scopes", Json, nullable=True),
    ):
        op.add_column("token", column)
    op.create_index("token_person", "token", ["person_id"])
    op.add_column("job", sa.Column("cancel_requested_by", PortableText(), nullable=True))


def downgrade() -> None:
    op.drop_column("job", "cancel_requested_by")
    op.drop_index("token_person", "token")
    for name in ("person_id", "created_by", "expires_at", "last_used_at", "scopes"):
        op.drop_column("token", name)
    for table in ("refused_deliveries", "audit", "login_session", "person"):
        op.drop_table(table)
