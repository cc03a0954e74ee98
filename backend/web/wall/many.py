"""Many takes at once, and what they are put together in."""

from typing import Any

from starlette.routing import Route

from backend.services.gallery import choices
from backend.services.library import bulk, groups
from backend.services.library.groups import GroupKind, GroupOfTakes
from backend.services.library.which import parse_which
from backend.web.api.schemas.library import BulkBody, NameBody, UndoBody, bulk_json
from backend.web.wall.calls import Call, Calls


def routes(calls: Calls) -> list[Route]:
    """POST /bulk, /bulk/undo, /collections, /projects, GET /choices."""
    return [
        calls.route("POST", "/bulk", edit_takes),
        calls.route("POST", "/bulk/undo", undo_edit),
        calls.route("GET", "/choices", list_choices),
        calls.route("POST", "/collections", create_collection, status=201),
        calls.route("POST", "/projects", create_project, status=201),
    ]


def edit_takes(call: Call) -> dict[str, Any]:
    """Change those that are named, or all that a filter finds."""
    asked = call.body_as(BulkBody)
    which = parse_which(call.deps, call.viewer, asked.ids, asked.filter)
    return bulk_json(bulk.edit_many(call.deps, call.viewer, which, asked.as_changes()))


def undo_edit(call: Call) -> dict[str, Any]:
    """Take back what such a call changed."""
    return bulk_json(bulk.undo(call.deps, call.viewer, call.body_as(UndoBody).undo))


def list_choices(call: Call) -> dict[str, Any]:
    """What takes can be put in, and the tags that are used."""
    return {
        "collections": _groups(call, GroupKind.COLLECTION),
        "projects": _groups(call, GroupKind.PROJECT),
        "tags": choices.list_tags(call.deps, call.viewer),
    }


def create_collection(call: Call) -> dict[str, Any]:
    """A new one, empty."""
    name = call.body_as(NameBody).name
    return group_json(groups.create_group(call.deps, call.viewer, GroupKind.COLLECTION, name))


def create_project(call: Call) -> dict[str, Any]:
    """A new one, empty."""
    name = call.body_as(NameBody).name
    return group_json(groups.create_group(call.deps, call.viewer, GroupKind.PROJECT, name))


def group_json(group: GroupOfTakes) -> dict[str, Any]:
    """A project or a collection, as the wall knows it."""
    return {"id": group.id, "name": group.name, "count": group.count}


def _groups(call: Call, kind: GroupKind) -> list[dict[str, Any]]:
    return [group_json(group) for group in groups.list_groups(call.deps, call.viewer, kind)]
