"""Takes: what is asked for, and what is told of them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.catalogue.pricing.quote import QuoteSource
from backend.domain.library.review import OriginHow
from backend.domain.output_files import FileKind
from backend.domain.states import JobState
from backend.domain.trouble import Charged
from backend.services.money.charges import ChargeState
from backend.services.takes.request import COLLECTIONS_MAX, MADE_FROM_MAX, TEXT_MAX_CHARS
from backend.web.api.schemas.base import Asked, Moment, Told
from backend.web.api.schemas.library import AboutTakeAnswer

Status = Literal["processing", "completed", "failed", "cancelled", "held"]
StyleText = Annotated[str | None, Field(max_length=TEXT_MAX_CHARS["style"])]


class Style(Asked):
    """Words for how it should look: a label of the team's, or free text."""

    movement: StyleText = None
    fabric: StyleText = None
    camera: StyleText = None
    aesthetic: StyleText = None


class MadeFrom(Asked):
    """A take that another one is made from."""

    take: str = Field(description="Its id.")
    how: OriginHow = Field(
        description="`frame`: starts or ends with a picture of it; `retry`: the same again; `promoted`: on a "
        "better model; `varied`: with another seed; `rerun`: some of its inputs, edited."
    )


class TakeRequest(Asked):
    """A take to be made, or to be estimated."""

    model: str = Field(
        description="The model's id, as GET /api/models lists it.",
        examples=["fal-ai/kling-video/v3/turbo/pro/text-to-video"],
    )
    prompt: str | None = Field(
        default=None,
        max_length=TEXT_MAX_CHARS["prompt"],
        description="What should be seen. A start needs one, but for models that take none.",
        examples=["A red dress in the wind"],
    )
    params: dict[str, Any] | None = Field(
        default=None, description="Go to the provider as they are, once they fit the model's `schema`."
    )
    style: Style | None = None
    image: str | None = Field(default=None, description="The first photo: an upload's id or a link.")
    images: dict[str, str | list[str] | None] | None = Field(
        default=None,
        description="Further photos, by the model's own field: an upload's id or a link, or several.",
    )
    provider: str | None = Field(default=None, description="Who makes it; unless given, the model's own.")
    project: str | None = Field(default=None, description="The id of the project that it is for.")
    collections: list[str] | None = Field(
        default=None, max_length=COLLECTIONS_MAX, description="Ids of the collections that it is put into."
    )
    template: int | None = Field(
        default=None, description="A version of the team's template; unless given, the one in production."
    )
    variables: dict[str, str | float] | None = Field(
        default=None,
        description="Values for that version's variables; each has one to start with, so none must come.",
    )
    made_from: list[MadeFrom] | None = Field(
        default=None, max_length=MADE_FROM_MAX, description="The takes that it is made from."
    )


class StartKey(Asked):
    """What makes a start safe to repeat."""

    idempotency_key: str = Field(
        default="",
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key and body again is the same take; another body under it is refused (409).",
    )


class Started(Told):
    """A take that was just asked for."""

    id: str
    status: Status
    state: JobState
    status_url: str = Field(description="Where to look how it goes.")
    notes: list[str] = Field(default=[], description="What was done to texts and photos, for people.")


class QuoteAnswer(Told):
    """What a take would cost; null where nobody knows."""

    estimate_usd: float | None
    at_most_usd: float | None
    source: QuoteSource
    basis: str | None = Field(description="What the price is made of, for people.")
    as_of: str | None = Field(description="The day on which that was so.")


class TroubleAnswer(Told):
    """What went wrong with a take."""

    code: str
    message: str
    charged: Charged = Field(description="Did it cost money?")
    next: str = Field(description="What the system does now, or what a person can do.")
    detail: Any = Field(description="What the provider said, or what came instead.")
    at: Moment | None


class VideoAnswer(Told):
    """The main file of a completed take. Links open without a token, and expire."""

    url: str
    poster_url: str | None
    preview_url: str | None
    player_url: str | None = Field(
        description="What browsers can play; another file where they can't play `url`."
    )
    sha256: str
    size_bytes: int
    duration_s: float | None
    width: int | None
    height: int | None
    fps: float | None
    missing: bool = Field(description="Is it gone from storage, or altered? Then it is fetched again.")


class FileAnswer(Told):
    """One file of a take; what is not known of it, or not yet, is null."""

    role: str
    kind: FileKind
    url: str | None
    poster_url: str | None
    player_url: str | None
    sha256: str | None
    size_bytes: int | None
    content_type: str | None
    width: int | None
    height: int | None
    duration_s: float | None
    checked: bool = Field(description="Was it decoded to its end? Else it is kept as it came.")
    problem: str | None = Field(description="Why it is not here, or not checked.")


class Progress(Told):
    """How much of its files is fetched."""

    fetched_bytes: int
    total_bytes: int | None


class ReturnedAnswer(Told):
    """What the provider tells of a take besides its files; null where it doesn't, or not yet."""

    seed: int | None = Field(description="The seed that it used.")
    prompt: str | None = Field(description="What it made of the prompt that was sent, if that is another.")


class CostAnswer(Told):
    """What a take costs; null where nobody knows (yet)."""

    estimate_usd: float | None
    billed_usd: float | None
    at_most_usd: float | None
    basis: str | None
    source: Literal["estimate", "billed", "unknown"]
    state: ChargeState
    words: str = Field(description="The same, for people.")
    asked_until: Moment | None = Field(description="Until then the provider is asked what it billed.")


class TakeAnswer(AboutTakeAnswer):
    """A take."""

    id: str
    status: Status
    state: JobState
    provider: str
    model: str
    prompt: str
    sent_prompt: str = Field(description="Prompt and style as they are sent.")
    style: dict[str, str]
    params: dict[str, Any]
    image: str | None
    images: dict[str, str | list[str]]
    template_version: int | None = Field(description="Of the team's template that made `sent_prompt`.")
    variables: dict[str, str | float] = Field(description="That version's own, as they were filled in.")
    owner: str
    parent_id: str | None = Field(description="The take that this one was made from.")
    request_id: str | None = Field(description="The provider's name for it.")
    returned: ReturnedAnswer
    elapsed_s: float
    queue_position: int | None
    progress: Progress | None
    error: TroubleAnswer | None
    trouble: TroubleAnswer | None = Field(description="What is being tried again.")
    cancel_requested: bool
    video: VideoAnswer | None
    files: list[FileAnswer] = Field(description="The main one first.")
    files_zip_url: str | None
    cost: CostAnswer
    status_url: str
    created_at: Moment
    submitted_at: Moment | None
    started_at: Moment | None
    rendered_at: Moment | None
    ended_at: Moment | None


class TakePage(Told):
    """A page of the history."""

    items: list[TakeAnswer]
    next_cursor: str | None = Field(description="Null: this is the last page.")
    total: int = Field(default=0, description="With `count=1`: how many there are, counted up to 10,000.")
