"""What moved since: for programs that follow takes without asking for each."""

from typing import Annotated

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.live.changes import PAGE_SIZE, PAGE_SIZE_MAX, list_changes
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import current_viewer, query_as
from backend.web.api.schemas.base import Asked, Told, WholeNumber


class ChangesQuery(Asked):
    """From where on, and how many."""

    after: str | None = Field(
        default=None, max_length=200, description="`cursor` of the page before; without it: only that of now."
    )
    limit: Annotated[int, WholeNumber(1, PAGE_SIZE_MAX)] = Field(
        default=PAGE_SIZE, description="Takes on a page."
    )


class ChangedTake(Told):
    """A take as it is now."""

    id: str
    status: str = Field(description="processing, completed, failed, cancelled or held.")
    state: str
    version: int = Field(description="Rises with every move and every change by a person.")


class ChangesAnswer(Told):
    """What moved, each take once; an empty page says that there is nothing more."""

    items: list[ChangedTake]
    cursor: str = Field(description="Opaque; for the page after.")


OPERATIONS = (
    Operation(
        "GET",
        "/api/video/changes",
        "list_changes",
        "What moved or was changed since, each take once, as it is now.",
        {200: told("A page of changes.", ChangesAnswer)},
        Do.SEE,
        query=ChangesQuery,
    ),
)


def routes(deps: Deps) -> Blueprint:
    """Below /api/video. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("changes", __name__, url_prefix="/video")

    @blueprint.get("/changes")
    def changes() -> ResponseReturnValue:
        asked = query_as(ChangesQuery)
        page = list_changes(deps, current_viewer(), asked.after, limit=asked.limit)
        return jsonify(items=[item._asdict() for item in page.items], cursor=page.cursor)

    return blueprint
