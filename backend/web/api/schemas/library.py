"""What people make of takes: what may be changed, what is told of it. The dashboard asks by these, too."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from backend.domain.library.review import OriginHow, ReviewState
from backend.services.library.bulk import BulkResult
from backend.services.library.changes import RATING_MAX, RATING_MIN, UNSET, BulkChanges, TakeChanges
from backend.web.api.schemas.base import Asked, Moment, Told


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


#: One id, or several of them.
Ids = Annotated[
    list[str],
    BeforeValidator(_listed),
    Field(json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class TakeChangesBody(Asked):
    """What is to change of a take; what is not named stays."""

    rating: Annotated[int, Field(ge=RATING_MIN, le=RATING_MAX)] | None = Field(
        default=None, description="One's own; null: none."
    )
    favourite: bool = Field(default=False, description="One's own.")
    review: ReviewState = Field(default=ReviewState.NONE, description="The team's.")
    tags: list[str] = Field(default=[], description="All that it is to have.")
    note: str | None = Field(default=None, description="Null: none.")
    project: str | None = Field(default=None, description="A project's id; null: none.")

    def as_changes(self) -> TakeChanges:
        """What was named."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        tags = given.pop("tags", UNSET)
        return TakeChanges(**given, tags=tags if tags is UNSET else tuple(tags))


class BulkBody(Asked):
    """What is to become of many takes, given by their ids or by a filter, such as {"status": "failed"}."""

    ids: list[str] | None = None
    filter: dict[str, Any] | None = Field(
        default=None, description="The history's own names; a list where one may be given several times."
    )
    set: TakeChangesBody | None = None
    add_tags: list[str] = Field(default=[])
    remove_tags: list[str] = Field(default=[])
    collect: Ids = Field(default=[], description="Collections' ids, or one.")
    uncollect: Ids = Field(default=[])
    trash: bool = False
    restore: bool = False
    cancel: bool = False
    retry: bool = False

    def as_changes(self) -> BulkChanges:
        """What is asked for."""
        return BulkChanges(
            self.set.as_changes() if self.set else TakeChanges(),
            tuple(self.add_tags),
            tuple(self.remove_tags),
            tuple(self.collect),
            tuple(self.uncollect),
            trash=self.trash,
            restore=self.restore,
            cancel=self.cancel,
            retry=self.retry,
        )


class UndoBody(Asked):
    """Which change is to be taken back."""

    undo: str = Field(description="As the change itself answered.")


class OpenedBody(Asked):
    """Which takes somebody looks at."""

    ids: list[str]


class NameBody(Asked):
    """What a project or a collection is called."""

    name: str


class MembersBody(Asked):
    """Which takes are put in, and which are taken out."""

    add: list[str] = Field(default=[])
    remove: list[str] = Field(default=[])


class SkippedAnswer(Told):
    """A take that stays as it is."""

    id: str
    why: str


class BulkAnswer(Told):
    """What became of it."""

    matched: int = Field(description="Takes that were found.")
    changed: int = Field(description="Takes that are not as they were.")
    skipped: list[SkippedAnswer]
    undo: str | None = Field(description="Takes it back within an hour; null: there is nothing to take back.")


class GroupAnswer(Told):
    """A project or a collection."""

    id: str
    name: str
    count: int = Field(description="Its takes that one may see, without those in the trash.")
    created_by: str


class MembersAnswer(GroupAnswer):
    """The same, and what became of the takes that were given."""

    changed: int
    skipped: list[SkippedAnswer]


class GroupList(Told):
    """All of them, by name."""

    items: list[GroupAnswer]


class ReviewAnswer(Told):
    """What the team has decided of a take."""

    state: ReviewState
    by: str | None
    at: Moment | None


class RatingAnswer(Told):
    """What people think of a take."""

    mine: int | None
    mean: float | None = Field(description="Null: nobody has rated it.")
    count: int


class RelativeAnswer(Told):
    """A take that came of another one."""

    take: str
    how: OriginHow


class AboutTakeAnswer(Told):
    """What people have made of a take."""

    project: str | None = Field(description="A project's id.")
    collections: list[str] = Field(description="Collections' ids.")
    tags: list[str]
    note: str | None
    review: ReviewAnswer
    rating: RatingAnswer
    favourite: bool = Field(description="One's own.")
    trashed_at: Moment | None
    made_from: list[RelativeAnswer]
    led_to: list[RelativeAnswer]


def bulk_json(result: BulkResult) -> dict[str, Any]:
    """What became of a change of many takes, as clients see it."""
    return {
        "matched": result.matched,
        "changed": result.changed,
        "skipped": [{"id": one.id, "why": one.why} for one in result.skipped],
        "undo": result.undo,
    }
