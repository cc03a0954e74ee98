"""Collections and projects: the same calls for both."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.library import groups
from backend.services.library.groups import GroupKind, GroupOfTakes
from backend.web.api.operations import Answer, Operation, told
from backend.web.api.request_parts import body_as, current_viewer
from backend.web.api.schemas.library import (
    GroupAnswer,
    GroupList,
    MembersAnswer,
    MembersBody,
    NameBody,
    bulk_json,
)

#: kind -> what its path and its operations are called after
PLURAL = {GroupKind.COLLECTION: "collections", GroupKind.PROJECT: "projects"}
_PUT_IN = {
    GroupKind.COLLECTION: "Put takes into a collection, and take others out of it.",
    GroupKind.PROJECT: "Put takes into a project, out of that of before, and take others out of it.",
}


def _operations(kind: GroupKind) -> Sequence[Operation]:
    path, plural = f"/api/{PLURAL[kind]}", PLURAL[kind]
    one, its = told(f"The {kind}.", GroupAnswer), f"{path}/<group_id>"
    return (
        Operation(
            "GET", path, f"list_{plural}", f"All {plural}, by name.",
            {200: told(f"The {plural}.", GroupList)}, Do.SEE, subject=plural,
        ),
        Operation(
            "POST", path, f"create_{kind}", f"Make a {kind}.",
            {201: one}, Do.ORGANISE, body=NameBody, refusals=(409,), subject=plural,
            leads_to=(f"rename_{kind}", f"delete_{kind}", f"change_{kind}_takes"),
        ),
        Operation(
            "PATCH", its, f"rename_{kind}", f"Give a {kind} another name.",
            {200: one}, Do.ORGANISE, body=NameBody, refusals=(404, 409), subject=plural,
        ),
        Operation(
            "DELETE", its, f"delete_{kind}", f"Delete a {kind}. Its takes stay.",
            {204: Answer("It is gone; its takes are not.")}, Do.ORGANISE, refusals=(404,), subject=plural,
        ),
        Operation(
            "POST", f"{its}/takes", f"change_{kind}_takes", _PUT_IN[kind],
            {200: told(f"The {kind}, and what became of the takes.", MembersAnswer)},
            Do.CHANGE_OWN, body=MembersBody, refusals=(404,), subject=plural,
        ),
    )  # fmt: skip


OPERATIONS = tuple(one for kind in PLURAL for one in _operations(kind))


def routes(deps: Deps) -> Blueprint:
    """Below /api/collections and /api/projects. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("groups", __name__)
    for kind in PLURAL:
        blueprint.register_blueprint(_routes_of(deps, kind))
    return blueprint


def group_json(group: GroupOfTakes) -> dict[str, Any]:
    """A project or a collection, as clients see it."""
    return {"id": group.id, "name": group.name, "count": group.count, "created_by": group.created_by}


def _routes_of(deps: Deps, kind: GroupKind) -> Blueprint:
    blueprint = Blueprint(PLURAL[kind], __name__, url_prefix=f"/{PLURAL[kind]}")

    @blueprint.get("")
    def list_groups() -> ResponseReturnValue:
        return jsonify(items=list(map(group_json, groups.list_groups(deps, current_viewer(), kind))))

    @blueprint.post("")
    def create_group() -> ResponseReturnValue:
        made = groups.create_group(deps, current_viewer(), kind, body_as(NameBody).name)
        return jsonify(group_json(made)), 201

    @blueprint.patch("/<group_id>")
    def rename_group(group_id: str) -> ResponseReturnValue:
        named = groups.rename_group(deps, current_viewer(), kind, group_id, body_as(NameBody).name)
        return jsonify(group_json(named))

    @blueprint.delete("/<group_id>")
    def delete_group(group_id: str) -> ResponseReturnValue:
        groups.delete_group(deps, current_viewer(), kind, group_id)
        return "", 204

    @blueprint.post("/<group_id>/takes")
    def change_takes(group_id: str) -> ResponseReturnValue:
        asked = body_as(MembersBody)
        group, result = groups.change_takes(
            deps, current_viewer(), kind, group_id, add=asked.add, remove=asked.remove
        )
        became = bulk_json(result)
        return jsonify({**group_json(group), "changed": became["changed"], "skipped": became["skipped"]})

    return blueprint
