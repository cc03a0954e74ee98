"""Takes: the job, the history of its moves, and the webhook calls that moved it."""

from datetime import datetime
from typing import Any, NamedTuple, TypedDict

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment, partial_index

#: What may have been charged is added up on every page that shows money.
HELD = text("state = 'held'")
#: Paid for, and nothing came of it.
WASTED = text("billed_usd > 0 AND state IN ('failed', 'cancelled')")
#: Paid for, and nobody has looked at what came, or has judged it.
UNOPENED = text(
    "state = 'stored' AND billed_usd > 0 AND opened_at IS NULL AND review IS NULL AND rating_count = 0"
)
#: Few takes have none, once a team has projects; the sums of one read those that do.
OF_PROJECT = text("project_id IS NOT NULL")
#: In the trash, with its files.
TRASHED = text("trashed_at IS NOT NULL AND emptied_at IS NULL")
#: Not ended, and due at no time: there should be none, and the index of them says so at once.
STRANDED = text("due_at IS NULL AND state NOT IN ('stored', 'failed', 'cancelled')")


class Job(SQLModel, table=True):
    """One take's life: one paid request to one provider. Ids are UUIDv7, so they sort by age."""

    __tablename__ = "job"
    __table_args__ = (
        Index("job_owner", "owner", "id"),
        Index("job_state", "state", "id"),
        Index("job_model", "model", "id"),
        # Only rows that have a value stand in these: an insert touches few of them.
        partial_index("job_due", "due_at"),
        partial_index("job_claim", "claimed_by"),
        partial_index("job_form", "owner", "form_key", unique=True),
        partial_index("job_request", "provider", "request_id", unique=True),
        partial_index("job_video", "video_id"),
        Index("job_asleep", "id", sqlite_where=STRANDED, postgresql_where=STRANDED),
        Index("job_wasted", "id", sqlite_where=WASTED, postgresql_where=WASTED),
        Index("job_unopened", "id", sqlite_where=UNOPENED, postgresql_where=UNOPENED),
        Index("job_template", "template_version"),
        Index("job_project", "project_id", "id", sqlite_where=OF_PROJECT, postgresql_where=OF_PROJECT),
        Index("job_trashed", "trashed_at", sqlite_where=TRASHED, postgresql_where=TRASHED),
        Index("job_held", "state", "owner", "estimate_usd", sqlite_where=HELD, postgresql_where=HELD),
    )

    id: str = Field(primary_key=True)
    owner: str  #: who asked: the viewer of the dashboard, or the token's name
    form_key: str | None = None  #: the form's or client's idempotency key, unique per owner
    form_hash: str | None = None  #: SHA-256 of what was asked for with that key
    parent_id: str | None = None  #: the job that this one sends again

    # what is asked for
    provider: str
    model: str  #: the provider's endpoint id
    prompt: str = Field(sa_type=Text)  #: as the person wrote it
    sent_prompt: str = Field(sa_type=Text)  #: prompt and style, composed
    template_version: int | None = None  #: of the prompt template that composed it
    #: of the template's variables, as they were filled in; None: it had none
    variables: dict[str, Any] | None = Field(default=None, sa_type=Json)
    style: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    params: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    image: str | None = None  #: upload id, or a URL
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=Json)  #: what is posted, the photo aside
    image_field: str | None = None  #: the model's own name for its first photo
    image_link: str | None = Field(default=None, sa_type=Text)  #: what was sent there; None for inlined data
    #: further photos: field -> as `image`; a list of them where the model takes several
    images: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    image_links: dict[str, Any] = Field(default_factory=dict, sa_type=Json)  #: what was sent in those fields
    estimate_usd: float | None = None
    #: at creation: {unit?, unit_usd?} of a billable unit; at_most_usd, source, basis, as_of of the estimate
    price: dict[str, Any] | None = Field(default=None, sa_type=Json)

    billed_units: float | None = None  #: what the provider counted; 0: nothing; None: not known (yet)
    billed_usd: float | None = None
    bill_tries: int = 0
    #: what decided its bill besides units and their price, as `charges.Decision.as_json`; None: nothing did
    charge: dict[str, Any] | None = Field(default=None, sa_type=Json)

    # where it stands
    state: str
    state_at: datetime = moment()
    version: int = 0  #: rises with every write that others must notice
    error: dict[str, Any] | None = Field(default=None, sa_type=Json)  #: {code, message, charged, detail, at}
    cancel_requested_at: datetime | None = moment(default=None)
    cancel_requested_by: str | None = None  #: who asked for that

    # when it is looked at, and by whom
    due_at: datetime | None = moment(default=None)
    attempts: int = 0  #: faults in a row in this state
    polls: int = 0  #: breakdowns of the provider until it is accepted, looks at it since
    claimed_by: str | None = None  #: owner token of the worker that has it in hand
    claimed_until: datetime | None = moment(default=None)

    # what the provider said
    request_id: str | None = None
    status_url: str | None = Field(default=None, sa_type=Text)
    response_url: str | None = Field(default=None, sa_type=Text)
    cancel_url: str | None = Field(default=None, sa_type=Text)
    webhook_asked: bool = False  #: was a webhook asked for with the request
    queue_position: int | None = None
    result_url: str | None = Field(default=None, sa_type=Text)
    result_size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    result: dict[str, Any] | None = Field(default=None, sa_type=Json)  #: the model's whole output
    #: every file that it names, in its order, each as `OutputFile.as_json`; None: one, at `result_url`
    outputs: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)

    # bringing it home
    fetched_bytes: int | None = Field(default=None, sa_type=BigInteger)
    fetch_total_bytes: int | None = Field(default=None, sa_type=BigInteger)
    video_id: str | None = None

    # when
    created_at: datetime = moment()
    submitted_at: datetime | None = moment(default=None)
    started_at: datetime | None = moment(default=None)
    rendered_at: datetime | None = moment(default=None)
    ended_at: datetime | None = moment(default=None)

    # what people make of it: none of it moves the job, nor `version`
    project_id: str | None = None
    review: str | None = None  #: a `ReviewState`; None: none
    review_by: str | None = None
    review_at: datetime | None = moment(default=None)
    note: str | None = Field(default=None, sa_type=Text)
    rating_sum: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    rating_count: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    edits: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  #: rises with each of these
    opened_at: datetime | None = moment(default=None)  #: when somebody first opened it, once it was stored
    trashed_at: datetime | None = moment(default=None)
    trashed_by: str | None = None
    emptied_at: datetime | None = moment(default=None)  #: its files are gone, for good


class JobColumns(TypedDict, total=False):
    """What may change of a job once it is made, beside what only its transitions write; types as in `Job`."""

    image_link: str | None
    image_links: dict[str, Any]
    billed_units: float | None
    billed_usd: float | None
    bill_tries: int
    charge: dict[str, Any] | None
    error: dict[str, Any] | None
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    due_at: datetime | None
    attempts: int
    polls: int
    claimed_by: str | None
    claimed_until: datetime | None
    request_id: str | None
    status_url: str | None
    response_url: str | None
    cancel_url: str | None
    webhook_asked: bool
    queue_position: int | None
    result_url: str | None
    result_size_bytes: int | None
    result: dict[str, Any] | None
    outputs: list[dict[str, Any]] | None
    fetched_bytes: int | None
    fetch_total_bytes: int | None
    video_id: str | None
    submitted_at: datetime | None
    started_at: datetime | None
    rendered_at: datetime | None


class JobHead(NamedTuple):
    """Where a job stands and what it counts for, without how it was asked for; types as in `Job`."""

    id: str
    owner: str
    provider: str
    estimate_usd: float | None
    price: dict[str, Any] | None
    billed_units: float | None
    billed_usd: float | None
    state: str
    state_at: datetime
    version: int
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    request_id: str | None
    created_at: datetime
    submitted_at: datetime | None
    rendered_at: datetime | None
    ended_at: datetime | None


class History(SQLModel, table=True):
    """One transition of one job, written in the same transaction. Append only."""

    __tablename__ = "history"
    __table_args__ = (Index("history_job", "job_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    job_id: str
    event: str
    state: str  #: the state it led to
    at: datetime = moment()
    by: str  #: who: a worker, the webhook, a person
    note: str | None = Field(default=None, sa_type=Text)


_ODD = text("verdict <> 'applied'")


class Delivery(SQLModel, table=True):
    """One webhook call that was believed, kept as it came. The same call again only counts up."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("delivery_once", "request_id", "status", "body_sha256", unique=True),
        Index("delivery_job", "job_id"),
        Index("delivery_odd", "verdict", "id", sqlite_where=_ODD, postgresql_where=_ODD),
    )

    id: str = Field(primary_key=True)
    job_id: str
    request_id: str
    gateway_request_id: str | None = None
    status: str  #: the provider's word: OK, ERROR, or one never seen before; `unreadable`
    verdict: str  #: a `Verdict`
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    body_sha256: str
    headers: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    signed_at: datetime = moment()
    received_at: datetime = moment()
    last_at: datetime = moment()
    copies: int = 1
    replays: int = 0
