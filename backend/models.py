"""The tables, which are also the values passed around: read inside a transaction, read-only outside.

Moments are aware and UTC. Text columns that hold ids are opaque. JSON columns hold plain data.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import AutoString, Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware UTC on both sides, whatever the database makes of time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PortableText(TypeDecorator[str]):
    """Text, the same on every database: ordered by its bytes, and without NUL, which some refuse."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(Text(collation=collation))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace("\0", "") if value is not None and "\0" in value else value


#: Whole numbers of 64 bits. SQLite's are that in any case, and count up by themselves only as INTEGER.
BigInt = BigInteger().with_variant(Integer(), "sqlite")
#: JSON whose None is SQL's NULL, not the JSON word. As it was written, not JSONB: that would put keys into
#: an order of its own, and forms show a model's fields in the order in which the model lists them.
Json = JSON(none_as_null=True)


def _moment(**column: Any) -> Any:
    return Field(sa_type=UtcDateTime, **column)


def _partial(name: str, *columns: str, unique: bool = False) -> Index:
    """An index over the rows whose last column has a value."""
    known = text(f"{columns[-1]} IS NOT NULL")
    return Index(name, *columns, unique=unique, sqlite_where=known, postgresql_where=known)


#: What may have been charged is added up on every page that shows money.
HELD = text("state = 'held'")
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
        _partial("job_due", "due_at"),
        _partial("job_claim", "claimed_by"),
        _partial("job_form", "owner", "form_key", unique=True),
        _partial("job_request", "provider", "request_id", unique=True),
        _partial("job_video", "video_id"),
        Index("job_asleep", "id", sqlite_where=STRANDED, postgresql_where=STRANDED),
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
    price: dict[str, Any] | None = Field(default=None, sa_type=Json)  #: {unit, unit_usd} at creation

    billed_units: float | None = None  #: what the provider counted; 0: nothing; None: not known (yet)
    billed_usd: float | None = None
    bill_tries: int = 0

    # where it stands
    state: str
    state_at: datetime = _moment()
    version: int = 0  #: rises with every write that others must notice
    error: dict[str, Any] | None = Field(default=None, sa_type=Json)  #: {code, message, charged, detail, at}
    cancel_requested_at: datetime | None = _moment(default=None)

    # when it is looked at, and by whom
    due_at: datetime | None = _moment(default=None)
    attempts: int = 0  #: faults in a row in this state
    polls: int = 0  #: looks at the provider since it was accepted
    claimed_by: str | None = None  #: owner token of the worker that has it in hand
    claimed_until: datetime | None = _moment(default=None)

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

    # bringing it home
    fetched_bytes: int | None = Field(default=None, sa_type=BigInteger)
    fetch_total_bytes: int | None = Field(default=None, sa_type=BigInteger)
    video_id: str | None = None

    # when
    created_at: datetime = _moment()
    submitted_at: datetime | None = _moment(default=None)
    started_at: datetime | None = _moment(default=None)
    rendered_at: datetime | None = _moment(default=None)
    ended_at: datetime | None = _moment(default=None)


class History(SQLModel, table=True):
    """One move of one job, written in the same transaction as the move. Append only."""

    __tablename__ = "history"
    __table_args__ = (Index("history_job", "job_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    job_id: str
    event: str
    state: str  #: the state it led to
    at: datetime = _moment()
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
    verdict: str  #: applied, no_effect, asked, stale, unreadable, conflict, orphan
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    body_sha256: str
    headers: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    signed_at: datetime = _moment()
    received_at: datetime = _moment()
    last_at: datetime = _moment()
    copies: int = 1
    replays: int = 0


class Video(SQLModel, table=True):
    """One whole file on our storage, known by its SHA-256."""

    __tablename__ = "video"
    __table_args__ = (Index("video_sha256", "sha256", unique=True), Index("video_missing", "missing_at"))

    id: str = Field(primary_key=True)
    sha256: str
    key: str  #: where storage keeps it: `<sha256>.mp4`
    content_type: str
    size_bytes: int = Field(sa_type=BigInteger)
    duration_s: float
    width: int
    height: int
    fps: float | None = None
    codec: str | None = None
    poster_key: str | None = None
    preview_key: str | None = None
    preview_tries: int = 0
    created_at: datetime = _moment()
    missing_at: datetime | None = _moment(default=None)  #: found missing or altered on storage
    checked_at: datetime | None = _moment(default=None)  #: last found whole


class Upload(SQLModel, table=True):
    """One photo, kept once per owner and content."""

    __tablename__ = "upload"
    __table_args__ = (Index("upload_once", "owner", "sha256", unique=True),)

    id: str = Field(primary_key=True)
    owner: str
    sha256: str  #: of the bytes as kept
    key: str
    file_name: str
    content_type: str
    size_bytes: int
    width: int
    height: int
    created_at: datetime = _moment()
    provider_url: str | None = Field(default=None, sa_type=Text)
    provider_url_at: datetime | None = _moment(default=None)


class Token(SQLModel, table=True):
    """One API token; only a hash of its secret is kept."""

    __tablename__ = "token"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str
    secret_sha256: str
    created_at: datetime = _moment()
    revoked_at: datetime | None = _moment(default=None)


class KeyValue(SQLModel, table=True):
    """Something learnt while running that every process must know: one row a name."""

    __tablename__ = "fact"

    name: str = Field(primary_key=True)
    value: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: datetime = _moment()


class CatalogueEntry(SQLModel, table=True):
    """One model as the provider last listed it."""

    __tablename__ = "offer"

    id: str = Field(primary_key=True)  #: the provider's endpoint id
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: datetime = _moment()


_UNKNOWN = text("source = 'unknown'")


class LedgerEntry(SQLModel, table=True):
    """One line of the ledger. Append only; what a take counts for is the sum of its lines."""

    __tablename__ = "line"
    __table_args__ = (
        Index("line_job", "job_id", "micros"),
        Index("line_unknown", "day", "owner", sqlite_where=_UNKNOWN, postgresql_where=_UNKNOWN),
    )

    id: int | None = Field(default=None, primary_key=True)
    job_id: str
    owner: str
    day: str  #: the UTC day on which the take was asked for, "2026-11-21"
    kind: str  #: estimate, bill, release, restore
    micros: int = Field(sa_type=BigInteger)  #: millionths of a dollar
    source: str  #: estimate, billed, unbilled, unknown
    units: float | None = None
    unit: str | None = None
    unit_usd: float | None = None
    at: datetime = _moment()


class DaySum(SQLModel, table=True):
    """What one person's takes of one day and model come to, without the newest lines (`ledger_sums`)."""

    __tablename__ = "day_sum"

    day: str = Field(primary_key=True)
    owner: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    micros: int = Field(sa_type=BigInteger)


class VocabularyEntry(SQLModel, table=True):
    """One label of the team's vocabulary, and the words that it adds to a prompt. Never deleted."""

    __tablename__ = "word"
    __table_args__ = (Index("word_once", "axis", "folded", unique=True),)

    id: str = Field(primary_key=True)
    axis: str  #: movement, fabric, camera, aesthetic
    label: str
    folded: str  #: the label without case: how it is looked up
    words: str = Field(sa_type=Text)
    poster_key: str | None = None  #: an example, as storage keeps it
    position: int
    retired_at: datetime | None = _moment(default=None)
    changed_at: datetime = _moment()
    changed_by: str


class Template(SQLModel, table=True):
    """One version of what turns prompt and style into the prompt that is sent. Append only."""

    __tablename__ = "template"

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    text: str = Field(sa_type=Text)
    note: str
    at: datetime = _moment()
    by: str


class Preset(SQLModel, table=True):
    """A whole form under a name, for its owner or the team."""

    __tablename__ = "preset"
    __table_args__ = (Index("preset_once", "owner", "folded", unique=True),)

    id: str = Field(primary_key=True)
    owner: str
    name: str
    folded: str  #: the name without case: one owner has it once
    shared: bool
    form: dict[str, Any] = Field(default_factory=dict, sa_type=Json)  #: as `create_job` is asked
    changed_at: datetime = _moment()


class Favourite(SQLModel, table=True):
    """A model that somebody wants to find first."""

    __tablename__ = "favourite"

    owner: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    at: datetime = _moment()


class Sweep(SQLModel, table=True):
    """One pass over due and odd rows that found something to do."""

    __tablename__ = "sweep"

    id: int | None = Field(default=None, primary_key=True)
    started_at: datetime = _moment()
    took_s: float
    did: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


def _widen() -> None:
    """Give every column of text and of whole numbers the type that is the same on every database."""
    for table in SQLModel.metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, String | AutoString):
                column.type = PortableText()
            elif isinstance(column.type, Integer):
                column.type = BigInt


_widen()
