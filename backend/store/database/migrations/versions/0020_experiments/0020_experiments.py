"""Experiments: plans, cells, trials, pairs, votes, findings, and what machines measure of files.

Programs of the schema before go on working: the takes of an experiment are takes as any other.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from backend.models import BigInt, Json, PortableText, UtcDateTime

revision = "0020_experiments"
down_revision = "0016_index"
branch_labels = None
depends_on = None

oldest_program = "0001"


def _text(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, PortableText(), nullable=nullable) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, UtcDateTime(timezone=True), nullable=nullable) for name in names]


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, BigInt, nullable=nullable) for name in names]


def _json(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, Json, nullable=True) for name in names]


def _flags(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()) for name in names]


def _plans() -> None:
    op.create_table(
        "experiment",
        *_text("id", "owner", "name", "question", "state"),
        *_json("plan"),
        *_text("seeds"),
        *_numbers("repeats"),
        *_flags("reuse"),
        *_numbers("cap_micros", nullable=True),
        *_numbers("spent_micros", "canary", "at_once"),
        sa.Column("delta", sa.Float(), nullable=False),
        *_text("baseline_cell", nullable=True),
        *_numbers("planned_votes", nullable=True),
        *_text("project_id", nullable=True),
        sa.Column("open_to_team", sa.Boolean(), nullable=False, server_default=sa.true()),
        *_moments("created_at"),
        *_moments("started_at", "closed_at", nullable=True),
        *_text("closed_by", "why", nullable=True),
        *_numbers("version"),
        *_moments("looked_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("experiment_owner", "experiment", ["owner", "id"])
    op.create_index("experiment_state", "experiment", ["state", "id"])
    op.create_table(
        "experiment_axis",
        *_text("experiment_id", "name"),
        *_numbers("position"),
        *_text("kind"),
        *_json("levels"),
        sa.PrimaryKeyConstraint("experiment_id", "name"),
    )
    op.create_table(
        "cell",
        *_text("id", "experiment_id", "key"),
        *_numbers("position"),
        *_json("levels", "request"),
        *_numbers("estimate_micros", nullable=True),
        *_moments("dropped_at", nullable=True),
        *_text("dropped_why", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("cell_once", "cell", ["experiment_id", "key"], unique=True)


def _trials() -> None:
    op.create_table(
        "trial",
        *_text("id", "experiment_id", "cell_id"),
        *_numbers("number"),
        *_text("state"),
        *_numbers("wave"),
        *_numbers("seed", nullable=True),
        *_text("job_id", "origin", nullable=True),
        *_numbers("attempt"),
        *_numbers("estimate_micros", nullable=True),
        *_text("why", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("trial_once", "trial", ["cell_id", "number"], unique=True)
    op.create_index("trial_experiment", "trial", ["experiment_id", "state", "id"])
    known = sa.text("job_id IS NOT NULL")
    op.create_index("trial_job", "trial", ["job_id"], sqlite_where=known, postgresql_where=known)


def _votes() -> None:
    op.create_table(
        "criterion",
        *_text("id"),
        *_text("experiment_id", nullable=True),
        *_text("question", "kind"),
        *_json("anchors"),
        *_moments("retired_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("criterion_experiment", "criterion", ["experiment_id", "id"])
    op.create_table(
        "pair",
        *_text("id", "experiment_id", "criterion_id", "left_job", "right_job", "rater", "why"),
        *_moments("shown_at"),
        *_moments("reserved_until", "voted_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("pair_rater", "pair", ["experiment_id", "rater", "id"])
    op.create_table(
        "vote",
        *_text("id", "experiment_id", "criterion_id"),
        *_text("pair_id", nullable=True),
        *_text("left_job", "right_job", "rater", "choice"),
        *_flags("both_bad"),
        *_numbers("took_ms", "seen_left_ms", "seen_right_ms", nullable=True),
        *_flags("sighted"),
        *_text("kind"),
        *_moments("at"),
        *_text("idempotency_key", nullable=True),
        *_moments("undone_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("vote_experiment", "vote", ["experiment_id", "criterion_id", "id"])
    keyed = sa.text("idempotency_key IS NOT NULL")
    op.create_index(
        "vote_once", "vote", ["rater", "idempotency_key"], unique=True,
        sqlite_where=keyed, postgresql_where=keyed,
    )  # fmt: skip


def _judged() -> None:
    op.create_table(
        "score",
        *_text("id", "experiment_id", "job_id", "criterion_id", "rater"),
        *_numbers("value"),
        *_moments("at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("score_job", "score", ["job_id", "criterion_id", "id"])
    op.create_table(
        "experiment_rater",
        *_text("experiment_id", "rater"),
        *_moments("invited_at", "sighted_at", "excluded_at", nullable=True),
        *_text("excluded_by", nullable=True),
        sa.PrimaryKeyConstraint("experiment_id", "rater"),
    )
    op.create_table(
        "file_check",
        *_text("video_id", "name"),
        sa.Column("value", sa.Float(), nullable=False),
        *_flags("flagged"),
        *_numbers("version"),
        *_moments("at"),
        sa.PrimaryKeyConstraint("video_id", "name"),
    )
    op.create_table(
        "finding",
        *_text("experiment_id", "criterion_id", "last_vote", "method"),
        *_json("data"),
        *_moments("at"),
        sa.PrimaryKeyConstraint("experiment_id", "criterion_id", "last_vote"),
    )


def upgrade() -> None:
    _plans()
    _trials()
    _votes()
    _judged()


def downgrade() -> None:
    for table in (
        "finding", "file_check", "experiment_rater", "score", "vote", "pair", "criterion", "trial", "cell",
        "experiment_axis", "experiment",
    ):  # fmt: skip
        op.drop_table(table)
