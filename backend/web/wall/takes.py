"""Takes for the wall: pages of cards, one with all that is known of it, and one that is changed."""

from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route

from backend.domain.errors import InvalidRequest
from backend.services.gallery import takes as gallery
from backend.services.gallery.filter_query import parse_page
from backend.services.library import edit, openings
from backend.services.live.cards import card_json, cards_json
from backend.services.live.greeting import greet
from backend.web.api.request_parts import validated
from backend.web.api.schemas.base import Asked, WholeNumber
from backend.web.api.schemas.library import OpenedBody, TakeChangesBody
from backend.web.wall.about import facts_of, history_of, told_of
from backend.web.wall.calls import Call, Calls

#: A page of the wall, where nothing else is asked for.
LIMIT = 60
#: So many takes may be named.
IDS_MAX = 200


class NewsQuery(Asked):
    """The newest move that a page knows of, and the takes that it shows, with commas between."""

    since: Annotated[int, WholeNumber(0, 2**63 - 1)]
    ids: str = Field(default="", max_length=IDS_MAX * 65)


def routes(calls: Calls) -> list[Route]:
    """GET /takes, /takes/<id> and /news, PATCH /takes/<id>, POST /opened."""
    return [
        calls.route("GET", "/news", get_news),
        calls.route("GET", "/takes", list_takes),
        calls.route("GET", "/takes/{id}", get_take),
        calls.route("PATCH", "/takes/{id}", edit_take),
        calls.route("POST", "/opened", note_opened),
    ]


def list_takes(call: Call) -> dict[str, Any]:
    """A page of cards: by filter, cursor and limit, as the API's history; or those that `ids` names.

    With `count=1` also how many there are.
    """
    ids = [value for name, value in call.pairs if name == "ids"]
    rest = [(name, value) for name, value in call.pairs if name != "ids"]
    asked = parse_page(call.deps, call.viewer, rest, limit=LIMIT, limit_max=gallery.PAGE_SIZE_MAX)
    wanted = asked.wanted.of_these(_ids(ids)) if ids else asked.wanted
    page = gallery.list_takes(call.deps, call.viewer, wanted, limit=asked.limit, cursor=asked.cursor)
    cards = cards_json(call.deps, call.viewer, page.items, call.deps.clock.now())
    told: dict[str, Any] = {"items": cards, "next_cursor": page.next_cursor}
    if asked.count:
        told["total"] = gallery.count_takes(call.deps, call.viewer, wanted)
    return told


def get_take(call: Call) -> dict[str, Any]:
    """One card, with `facts` (labels and values) and `history` (what happened, oldest first).

    Of a take that came to nothing also what is `told` of it: see `about.told_of`.
    """
    take = gallery.get_take(call.deps, call.viewer, call.names["id"])
    moves, _ = gallery.get_history(call.deps, call.viewer, take.job.id)
    card = card_json(call.deps, call.viewer, take, call.deps.clock.now())
    return {
        **card, "note": take.job.note, "facts": facts_of(take, card), "history": history_of(moves),
        "told": told_of(call.deps, call.viewer, take, card),
    }  # fmt: skip


def get_news(call: Call) -> Response:
    """What a page would be pushed, for one that nothing can be pushed to: it asks again and again."""
    asked = validated(NewsQuery, dict(call.pairs))
    text = greet(call.deps, call.viewer, since=asked.since, ids=_ids([asked.ids]))
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})


def edit_take(call: Call) -> dict[str, Any]:
    """Change what is named; the card as it is then."""
    changes = call.body_as(TakeChangesBody).as_changes()
    take = edit.edit_take(call.deps, call.viewer, call.names["id"], changes)
    return card_json(call.deps, call.viewer, take, call.deps.clock.now())


def note_opened(call: Call) -> dict[str, Any]:
    """Somebody looks at these takes."""
    openings.note_opened(call.deps, call.viewer, _ids(call.body_as(OpenedBody).ids))
    return {}


def _ids(given: list[str]) -> tuple[str, ...]:
    ids = tuple(one for text in given for one in text.split(",") if one)
    if len(ids) > IDS_MAX:
        raise InvalidRequest({"ids": f"names {len(ids):,} takes; at most {IDS_MAX} are told at once"})
    return ids
