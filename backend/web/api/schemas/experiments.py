"""Experiments: plans, what they come to, and how they go."""

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.domain.experiments.words import ExperimentState
from backend.services.experiments import view
from backend.services.experiments.plan import CELLS_MAX, NAME_MAX_CHARS, QUESTION_MAX_CHARS, REPEATS_MAX
from backend.web.api.schemas.base import Asked, Cursor, Moment, OneOf, Told, WholeNumber
from backend.web.api.schemas.takes import MadeFrom, Style

Values = dict[str, list[Any]]


class PlanQuery(Asked):
    """Whether it is only looked at."""

    dry_run: Annotated[str | None, OneOf(("0", "1"))] = Field(
        default=None, description="1: what it comes to is told, and nothing is written."
    )


class ExperimentKey(Asked):
    """What makes it safe to repeat."""

    idempotency_key: str = Field(
        default="",
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key and body again is the same experiment; another body is refused (409).",
    )


class PlanBase(Asked):
    """A take as it is where no axis says otherwise."""

    model: str | None = None
    prompt: str | None = Field(default=None, description="May name variables, {{ garment }}, and {a|b}.")
    params: dict[str, Any] | None = None
    style: Style | None = None
    image: str | None = None
    images: dict[str, str | list[str] | None] | None = None
    provider: str | None = None
    project: str | None = None
    collections: list[str] | None = None
    template: int | None = None
    variables: dict[str, Any] | None = Field(default=None, description="Of that version of the template.")
    made_from: list[MadeFrom] | None = None


class StopRules(Asked):
    """When an experiment pauses by itself."""

    failed_share: float = Field(default=0.5, gt=0, le=1, description="Certainly more than these fail.")


class PlanBody(Asked):
    """A plan: what is varied, how often, and what it may cost."""

    name: str = Field(max_length=NAME_MAX_CHARS)
    question: str | None = Field(default=None, max_length=QUESTION_MAX_CHARS)
    base: PlanBase
    axes: Values | None = Field(
        default=None,
        description="By name: prompt, model, image, template, style.<axis>, params.<name>, a variable of the "
        "prompt, or variables.<name> of the template; a value as it is, or as {label, value}.",
    )
    rows: list[dict[str, Any]] | None = Field(
        default=None, description="In place of axes: each a mapping of axes."
    )
    design: Literal["full", "fraction", "random"] | None = None
    n: int | None = Field(
        default=None, ge=2, le=CELLS_MAX, description="Combinations of a fraction, or at random."
    )
    repeats: int | None = Field(default=None, ge=1, le=REPEATS_MAX, description="Takes of each combination.")
    seeds: Literal["paired", "free", "fixed"] | None = Field(
        default=None, description="`paired`: the n-th take of every cell has seed n, where the model has one."
    )
    seed: int | None = Field(default=None, ge=0)
    reuse: bool | None = Field(default=None, description="Use stored takes of the same inputs first.")
    cap_usd: float | None = Field(default=None, gt=0, description="What it may cost; null: no cap.")
    canary: int | None = Field(default=None, ge=0, description="Takes made before a person says go on.")
    at_once: int | None = Field(default=None, ge=1, description="Takes in flight.")
    stop: StopRules | None = None
    baseline: Any = Field(default=None, description="A value of each axis; of one axis, the value alone.")
    drop_refused: bool | None = Field(
        default=None, description="Leave out combinations that a model refuses."
    )
    planned_votes: int | None = Field(default=None, ge=1)
    open_to_team: bool | None = Field(default=None, description="May everybody vote?")


RAISE_WORDS = "Added to the cap as it is then; without a cap it says nothing."


class ExtensionBody(Asked):
    """What is to change; what is not named stays."""

    name: str = Field(default="", max_length=NAME_MAX_CHARS)
    question: str = Field(default="", max_length=QUESTION_MAX_CHARS)
    cap_usd: float | None = Field(default=None, gt=0, description="Null: no cap.")
    raise_cap_usd: float | None = Field(default=None, gt=0, description=RAISE_WORDS)
    at_once: int | None = Field(default=None, ge=1)
    planned_votes: int | None = Field(default=None, ge=1)
    open_to_team: bool | None = None
    axes: Values | None = Field(
        default=None, description="Further values of its axes, combined with all others."
    )
    rows: list[dict[str, Any]] | None = Field(default=None, description="Further combinations.")
    drop_refused: bool | None = None


class CellsBody(Asked):
    """Which cells get more takes, and which are dropped first."""

    takes: dict[str, int] = Field(default={}, description="Cell -> how many more.")
    drop: list[str] = Field(default=[])
    raise_cap_usd: float | None = Field(default=None, gt=0, description=RAISE_WORDS)


class EstimateAnswer(Told):
    """The price of what is still to be paid."""

    usd: float = Field(description="What is known.")
    at_most_usd: float
    unknown: int = Field(description="Takes whose price nobody knows; those of `faults` are among them.")


class PowerAnswer(Told):
    """What so many takes can show."""

    takes_each: int
    win_rate: float = Field(description="How often a fresh take of the best is preferred to another's.")
    picks_better: float = Field(description="How probably the best is then found.")
    words: str


class RefusedAnswer(Told):
    """A combination that its model refuses."""

    levels: dict[str, str]
    fields: dict[str, str] = Field(description="Field -> what is wrong with it.")
    message: str


class FiguresAnswer(Told):
    """What a plan comes to."""

    cells: int
    takes: int
    reused: int
    estimate: EstimateAnswer
    usual_s: float | None = Field(description="Until the last take is home; null: nobody knows.")
    power: PowerAnswer
    faults: list[RefusedAnswer]


class CreatedAnswer(FiguresAnswer):
    """A draft, and what it comes to. Nothing is paid."""

    id: str
    state: ExperimentState


class CellAnswer(Told):
    """One combination."""

    id: str
    levels: dict[str, str] = Field(description="Axis -> label.")
    takes: list[str]
    dropped: bool


class TakesCount(Told):
    """Its takes, by how far they are."""

    completed: int
    processing: int
    failed: int
    held: int
    cancelled: int
    planned: int


class ShortVerdict(Told):
    """What is known so far, in words and as a code."""

    words: str
    code: Literal["too_early", "as_good", "better", "alike", "takes_missing", "stopped"]
    leader: str | None = Field(description="A cell.")


class ListedExperiment(Told):
    """An experiment, as a list of them tells it."""

    id: str
    name: str
    question: str
    owner: str
    state: ExperimentState
    why: str | None = Field(description="Why it is paused or closed.")
    cells: list[CellAnswer] | None = Field(description="Null where they were not asked for.")
    takes: TakesCount
    spent_usd: float
    cap_usd: float | None
    votes: int
    verdict: ShortVerdict
    baseline: str | None = Field(description="A cell.")
    created_at: Moment
    version: int


class ExperimentAnswer(ListedExperiment):
    """An experiment with its cells."""

    cells: list[CellAnswer]


class ExperimentList(Told):
    """A page of experiments, the newest first."""

    items: list[ListedExperiment]
    next_cursor: str | None


class ExperimentsQuery(Asked):
    """Which page."""

    limit: Annotated[int, WholeNumber(1, view.PAGE_SIZE_MAX)] = Field(default=view.PAGE_SIZE)
    cursor: Annotated[str | None, Cursor()] = Field(default=None)
    cells: Annotated[str | None, OneOf(("0", "1"))] = Field(
        default=None, description="0: without them, which makes a page light, however large they are."
    )
