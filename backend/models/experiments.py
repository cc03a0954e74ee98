"""Experiments: what is varied, the takes that are made of it, what people chose, and what that says.

A job knows nothing of them: its trial names it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, false, true
from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment, partial_index


class Experiment(SQLModel, table=True):
    """A question that is asked of takes: a plan, and how far it has come."""

    __tablename__ = "experiment"
    __table_args__ = (
        Index("experiment_owner", "owner", "id"),
        Index("experiment_state", "state", "id"),
        partial_index("experiment_once", "owner", "idempotency_key", unique=True),
    )

    id: str = Field(primary_key=True)
    owner: str
    name: str
    question: str = Field(default="", sa_type=Text)
    state: str  #: an `ExperimentState`
    #: as it was asked for: base, axes or rows, design, n, stop …; see `services.experiments.plan`
    plan: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    seeds: str  #: a `SeedPolicy`
    repeats: int
    reuse: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    cap_micros: int | None = None  #: what its takes may cost at most, in millionths of a USD; None: no cap
    spent_micros: int = 0  #: estimates of what was made, or bills where they came; raised under its lock
    canary: int  #: how many takes are made before a person says go on; 0: none
    at_once: int  #: how many of its takes are on their way at most
    delta: float
    baseline_cell: str | None = None
    planned_votes: int | None = None
    project_id: str | None = None
    open_to_team: bool = Field(
        default=True, sa_column_kwargs={"server_default": true()}
    )  #: may everybody vote?
    created_at: datetime = moment()
    started_at: datetime | None = moment(default=None)
    closed_at: datetime | None = moment(default=None)
    closed_by: str | None = None
    why: str | None = Field(default=None, sa_type=Text)  #: why it is paused or closed, in words
    version: int = 0  #: rises with every change
    looked_at: datetime | None = moment(default=None)  #: when its next wave was last considered
    idempotency_key: str | None = None  #: with which it was asked for: the same key again is the same one
    body_sha256: str | None = None  #: of what was asked for with that key


class ExperimentAxis(SQLModel, table=True):
    """What is varied."""

    __tablename__ = "experiment_axis"

    experiment_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)  #: as in a plan: prompt, style.camera, params.duration, garment …
    position: int
    kind: str  #: an `AxisKind`
    levels: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)  #: [{label, value}]


class Cell(SQLModel, table=True):
    """One combination of levels."""

    __tablename__ = "cell"
    __table_args__ = (Index("cell_once", "experiment_id", "key", unique=True),)

    id: str = Field(primary_key=True)
    experiment_id: str
    key: str  #: of its levels: an experiment has it once
    position: int
    levels: dict[str, str] = Field(default_factory=dict, sa_type=Json)  #: axis -> label
    request: dict[str, Any] = Field(default_factory=dict, sa_type=Json)  #: as `create_job` is asked
    estimate_micros: int | None = None  #: of one take, when it was planned; None: nobody knows
    dropped_at: datetime | None = moment(default=None)
    dropped_why: str | None = None


class Trial(SQLModel, table=True):
    """The place of one take in a cell."""

    __tablename__ = "trial"
    __table_args__ = (
        Index("trial_once", "cell_id", "number", unique=True),
        Index("trial_experiment", "experiment_id", "state", "id"),
        partial_index("trial_job", "job_id"),
    )

    id: str = Field(primary_key=True)
    experiment_id: str
    cell_id: str
    number: int
    state: str  #: a `TrialState`
    wave: int = 0
    seed: int | None = None
    job_id: str | None = None
    origin: str | None = None  #: a `TrialOrigin`
    attempt: int = 0  #: of its idempotency key, `trial:<id>:<attempt>`
    estimate_micros: int | None = None  #: that its job counts for in the cap
    why: str | None = None  #: why it has no job


class Criterion(SQLModel, table=True):
    """A question that people answer of pairs, or of single takes."""

    __tablename__ = "criterion"
    __table_args__ = (Index("criterion_experiment", "experiment_id", "id"),)

    id: str = Field(primary_key=True)
    experiment_id: str | None = None  #: None: the team's
    question: str = Field(sa_type=Text)
    kind: str  #: pair or score
    anchors: dict[str, str] = Field(default_factory=dict, sa_type=Json)  #: what 1, 3 and 5 mean
    retired_at: datetime | None = moment(default=None)


class Pair(SQLModel, table=True):
    """Two takes that were shown side by side to somebody. Its id says nothing of them."""

    __tablename__ = "pair"
    __table_args__ = (Index("pair_rater", "experiment_id", "rater", "id"),)

    id: str = Field(primary_key=True)
    experiment_id: str
    criterion_id: str
    left_job: str
    right_job: str
    rater: str
    why: str  #: random, top two, repeat
    shown_at: datetime = moment()
    reserved_until: datetime | None = moment(default=None)
    voted_at: datetime | None = moment(default=None)


class Vote(SQLModel, table=True):
    """What somebody chose of a pair. Append only: who takes it back marks it."""

    __tablename__ = "vote"
    __table_args__ = (
        Index("vote_experiment", "experiment_id", "criterion_id", "id"),
        partial_index("vote_once", "rater", "idempotency_key", unique=True),
    )

    id: str = Field(primary_key=True)
    experiment_id: str
    criterion_id: str
    pair_id: str | None = None  #: None: it was imported
    left_job: str
    right_job: str
    rater: str
    choice: str  #: left, right or tie
    both_bad: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    took_ms: int | None = None
    seen_left_ms: int | None = None
    seen_right_ms: int | None = None
    sighted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})  #: had seen the names
    kind: str  #: person, machine or imported
    at: datetime = moment()
    idempotency_key: str | None = None
    undone_at: datetime | None = moment(default=None)


class Score(SQLModel, table=True):
    """What somebody gave a take. Append only, the newest counts."""

    __tablename__ = "score"
    __table_args__ = (
        Index("score_job", "job_id", "criterion_id", "id"),
        Index("score_experiment", "experiment_id", "criterion_id", "id"),
    )

    id: str = Field(primary_key=True)
    experiment_id: str
    job_id: str
    criterion_id: str
    rater: str
    value: int  #: 1 to 5
    at: datetime = moment()


class ExperimentRater(SQLModel, table=True):
    """Somebody who was invited to vote, or who has seen which take is of which cell, or whose votes are left
    out."""

    __tablename__ = "experiment_rater"

    experiment_id: str = Field(primary_key=True)
    rater: str = Field(primary_key=True)
    invited_at: datetime | None = moment(default=None)
    sighted_at: datetime | None = moment(default=None)  #: opened the named matrix
    excluded_at: datetime | None = moment(default=None)
    excluded_by: str | None = None


class FileCheck(SQLModel, table=True):
    """What a machine measured of a stored file. It flags, and doesn't vote."""

    __tablename__ = "file_check"

    video_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: float
    flagged: bool
    version: int
    at: datetime = moment()


class FindingRow(SQLModel, table=True):
    """What votes said up to one of them, kept so that all see the same numbers."""

    __tablename__ = "finding"

    experiment_id: str = Field(primary_key=True)
    criterion_id: str = Field(primary_key=True)
    last_vote: str = Field(primary_key=True)  #: the id of the newest vote in it; "": none
    method: str
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: datetime = moment()


class PlanDraft(SQLModel, table=True):
    """The editor of a plan as somebody left it, not kept as an experiment yet."""

    __tablename__ = "plan_draft"

    owner: str = Field(primary_key=True)
    form: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    changed_at: datetime = moment()
