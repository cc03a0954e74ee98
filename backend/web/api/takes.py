"""Takes, for clients: start, estimate, status, history, cancel."""

import uuid

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from backend.domain.errors import InvalidRequest
from backend.domain.states import API_STATUS
from backend.domain.take_filter import TakeFilter
from backend.services.access import Role
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.takes import cancel, check_request, create, request_photos
from backend.services.takes.request import parse_request
from backend.web.api.request_parts import current_viewer, json_body
from backend.web.api.take_json import quote_json, started_json, take_json

#: Items on a page of the history, unless asked otherwise.
HISTORY_PAGE_SIZE = 50


def routes(deps: Deps) -> Blueprint:
    """Below /api/video. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("takes", __name__, url_prefix="/video")

    @blueprint.post("/start")
    def start() -> ResponseReturnValue:
        current_viewer().require_role(Role.CREATOR)
        key, asked = request.headers.get("Idempotency-Key"), parse_request(json_body())
        job = create.create_job(deps, current_viewer(), asked, idempotency_key=key)
        notes = [*asked.notes, *request_photos.photo_notes_of(deps, current_viewer(), job)]
        return jsonify({**started_json(deps, job), **({"notes": notes} if notes else {})}), 202

    @blueprint.post("/estimate")
    def estimate() -> ResponseReturnValue:
        quote = check_request.estimate_request(deps, current_viewer(), parse_request(json_body()))
        return jsonify(quote_json(quote))

    @blueprint.get("/status/<job_id>")
    def status(job_id: str) -> ResponseReturnValue:
        return jsonify(take_json(deps, gallery.get_take(deps, current_viewer(), job_id)))

    @blueprint.get("/history")
    def history() -> ResponseReturnValue:
        wanted, limit, cursor = history_query()
        page = gallery.list_takes(deps, current_viewer(), wanted, limit=limit, cursor=cursor)
        return jsonify(items=[take_json(deps, take) for take in page.items], next_cursor=page.next_cursor)

    @blueprint.post("/cancel/<job_id>")
    def cancel_take(job_id: str) -> ResponseReturnValue:
        job = cancel.cancel_job(deps, current_viewer(), job_id)
        return jsonify(take_json(deps, gallery.get_take(deps, current_viewer(), job.id))), 202

    return blueprint


def history_query() -> tuple[TakeFilter, int, str | None]:
    """Which takes the history shows, how many, and after which. InvalidRequest names every one at fault."""
    faults: dict[str, str] = {}
    states = _states(request.args.get("status"), faults)
    limit = request.args.get("limit", str(HISTORY_PAGE_SIZE))
    if not limit.isdecimal() or not 1 <= int(limit[:9]) <= gallery.PAGE_SIZE_MAX:
        faults["limit"] = f"must be a whole number from 1 to {gallery.PAGE_SIZE_MAX}"
    cursor = request.args.get("cursor") or None
    if cursor is not None and not _is_uuid(cursor):
        faults["cursor"] = "is none that was given as next_cursor"
    if faults:
        raise InvalidRequest(faults)
    return TakeFilter(states=states), int(limit), cursor


def _states(word: str | None, faults: dict[str, str]) -> list[str] | None:
    if not word:
        return None
    states = [state for state, status in API_STATUS.items() if word in (status, state)]
    if not states:
        faults["status"] = f"is none of {', '.join(dict.fromkeys(API_STATUS.values()))}"
    return [str(state) for state in states]


def _is_uuid(value: str) -> bool:
    try:
        return str(uuid.UUID(value)) == value
    except ValueError:
        return False
