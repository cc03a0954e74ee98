"""The query of the history: every way to ask for takes. `services.gallery.filter_query` reads it."""

from typing import Annotated, Any

from pydantic import Field, create_model

from backend.domain.library.review import ReviewState, Sort
from backend.domain.prompt import AXES
from backend.domain.states import API_STATUS, JobState
from backend.services.gallery.filter_query import SEVERAL
from backend.services.gallery.takes import PAGE_SIZE_MAX
from backend.web.api.schemas.base import Asked, DayOrMoment, OneOf, WholeNumber

#: Items on a page of the history, unless asked otherwise.
HISTORY_PAGE_SIZE = 50

_FLAG = Annotated[str | None, OneOf(("0", "1"))]
_STATUS = OneOf([*API_STATUS.values(), *JobState])
_NUMBER = Annotated[float | None, Field(ge=0)]
_MOMENT = Annotated[str | None, DayOrMoment()]

#: name -> its type, and what is said of it.
_ASKED: dict[str, tuple[Any, str]] = {
    "q": (str, "Words in prompt, note, tags, model, person or photo's file name; the last may be unfinished. "
          "Or a take's id, its last six characters, a request id, the name of a file that was saved."),
    "status": (Annotated[str, _STATUS], "A status or a state; any of several."),
    "model": (str, "Any of several."),
    "provider": (str, "Who makes it."),
    "owner": (str, "Who asked for it; any of several."),
    "mine": (_FLAG, "1: your own; 0: those of others."),
    "project": (str, "A project's id."),
    "collection": (str, "A collection's id."),
    "tag": (str, "All of several."),
    "experiment": (str, "An experiment's id."),
    "cell": (str, "The id of a cell of an experiment; any of several."),
    "review": (Annotated[str, OneOf(ReviewState)], "Any of several."),
    "favourite": (_FLAG, "Your own favourites, or what is none of them."),
    "picks": (_FLAG, "Your own favourites and what is selected or approved, or what is none of them."),
    "rating_min": (Annotated[float | None, Field(ge=1, le=5)], "The team's mean is at least this."),
    "rated": (_FLAG, "Has anybody rated it?"),
    **{f"style.{axis}": (str, "A label of the style.") for axis in AXES},
    "has_error": (_FLAG, "Has it an error?"),
    "since": (_MOMENT, "From this moment, or day, on."),
    "until": (_MOMENT, "Before this moment, or to the end of this day."),
    "ratio": (str, "As asked for, else of the file: 16:9."),
    "min_cost": (_NUMBER, "In USD, of the bill, else of the estimate."),
    "max_cost": (_NUMBER, "In USD, of the bill, else of the estimate."),
    "min_length": (_NUMBER, "In seconds, of the file."),
    "max_length": (_NUMBER, "In seconds, of the file."),
    "trashed": (_FLAG, "1: those in the trash, instead of the others."),
    "sort": (Annotated[str, OneOf(Sort)], "By age, by the team's mean, or the dearest first."),
    "count": (_FLAG, "1: `total` says how many there are."),
}  # fmt: skip


class _Page(Asked):
    """A page."""

    limit: Annotated[int, WholeNumber(1, PAGE_SIZE_MAX)] = Field(
        default=HISTORY_PAGE_SIZE, description="Takes on a page."
    )
    cursor: str | None = Field(
        default=None, max_length=100, description="`next_cursor` of the page before; empty: the first page."
    )


def _field(name: str) -> Any:
    kind, what = _ASKED[name]
    several = list[kind] | None if name in SEVERAL else kind  # type: ignore[valid-type]  # a type that is made here
    return several, Field(default=None, alias=name, description=what)


HistoryQuery = create_model(
    "HistoryQuery", __base__=_Page, **{name.replace(".", "_"): _field(name) for name in _ASKED}
)
