"""What was spent."""

from typing import Annotated

from pydantic import Field

from backend.services.money.spend_query import Dimension
from backend.web.api.schemas.base import Asked, DayOrMoment, OneOf, Told

#: format -> its content type
FORMATS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


class SpendParams(Asked):
    """Which takes, told apart by what, and as what file."""

    by: Annotated[str | None, OneOf(Dimension)] = Field(default=None, description="Unless given: day.")
    crossed: Annotated[str | None, OneOf(Dimension)] = Field(
        default=None, alias="and", description="A second one, other than `by`."
    )
    since: Annotated[str | None, DayOrMoment()] = Field(default=None, description="The first day.")
    until: Annotated[str | None, DayOrMoment()] = Field(default=None, description="The last day.")
    format: Annotated[str | None, OneOf(FORMATS)] = Field(default=None, description="Unless given: json.")


class Spent(Told):
    """What some takes come to. What nobody knows is a number of unpriced takes, never $0."""

    takes: int
    estimated_usd: float | None
    billed_usd: float | None
    open_usd: float = Field(
        description="What counts without a bill: reserved until it comes, the estimate where none does."
    )
    wasted_usd: float = Field(description="Billed for takes that failed, were made twice or never opened.")
    unpriced: int


class SpendGroupAnswer(Spent):
    """One group: its names by the dimensions that were asked for, and what its takes come to."""

    day: str | None = None
    month: str | None = None
    person: str | None = None
    project: str | None = Field(default=None, description="Its id; `none`: of no project.")
    project_name: str | None = None
    model: str | None = None
    experiment: str | None = Field(default=None, description="The one it was made for; `none`: for none.")
    experiment_name: str | None = None
    template: str | None = None


class SpendAnswer(Told):
    """Every group that has takes, and all of them together."""

    items: list[SpendGroupAnswer]
    total: Spent
