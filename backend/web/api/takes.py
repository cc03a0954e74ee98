"""Takes, for clients: start, estimate, status, history, cancel."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.gallery.filter_query import parse_page
from backend.services.library import openings
from backend.services.takes import cancel, check_request, create, request_photos
from backend.services.takes.request import TakeRequest, parse_request
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import body_as, current_viewer
from backend.web.api.schemas import takes as schemas
from backend.web.api.schemas.history import HISTORY_PAGE_SIZE, HistoryQuery
from backend.web.api.take_json import quote_json, started_json, take_json, takes_json

OPERATIONS = (
    Operation(
        "POST",
        "/api/video/start",
        "start_take",
        "Start a take. Answered after one commit; nothing is sent before.",
        {202: told("It is written down, and will be sent.", schemas.Started)},
        Do.START,
        headers=schemas.StartKey,
        body=schemas.TakeRequest,
        reads_body=parse_request,
        refusals=(402, 409),
        leads_to=("get_take", "cancel_take"),
    ),
    Operation(
        "POST",
        "/api/video/estimate",
        "estimate_take",
        "What a take would cost. Nothing is made, nothing is paid.",
        {200: told("Its price, as far as it is known.", schemas.QuoteAnswer)},
        Do.ESTIMATE,
        body=schemas.TakeRequest,
        reads_body=parse_request,
    ),
    Operation(
        "GET",
        "/api/video/status/<job_id>",
        "get_take",
        "One take.",
        {200: told("The take.", schemas.TakeAnswer)},
        Do.SEE,
        refusals=(404,),
    ),
    Operation(
        "GET",
        "/api/video/history",
        "list_takes",
        "Takes that pass every filter that is given, in pages.",
        {200: told("A page of takes.", schemas.TakePage)},
        Do.SEE,
        query=HistoryQuery,
        reads_query=True,
    ),
    Operation(
        "POST",
        "/api/video/cancel/<job_id>",
        "cancel_take",
        "Stop a take. A video that comes anyway is kept.",
        {202: told("The take, cancelled or about to be.", schemas.TakeAnswer)},
        Do.CHANGE_OWN,
        refusals=(404, 409),
    ),
)


def routes(deps: Deps) -> Blueprint:
    """Below /api/video. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("takes", __name__, url_prefix="/video")

    @blueprint.post("/start")
    def start() -> ResponseReturnValue:
        key, asked = request.headers.get("Idempotency-Key"), body_as(TakeRequest)
        job = create.create_job(deps, current_viewer(), asked, idempotency_key=key)
        notes = [*asked.notes, *request_photos.photo_notes_of(deps, current_viewer(), job)]
        return jsonify({**started_json(deps, job), **({"notes": notes} if notes else {})}), 202

    @blueprint.post("/estimate")
    def estimate() -> ResponseReturnValue:
        quote = check_request.estimate_request(deps, current_viewer(), body_as(TakeRequest))
        return jsonify(quote_json(quote))

    @blueprint.get("/status/<job_id>")
    def status(job_id: str) -> ResponseReturnValue:
        viewer = current_viewer()
        take = gallery.get_take(deps, viewer, job_id)
        if take.job.opened_at is None:
            openings.note_opened(deps, viewer, [take.job.id])
        return jsonify(take_json(deps, viewer, take))

    @blueprint.get("/history")
    def history() -> ResponseReturnValue:
        viewer, given = current_viewer(), request.args.items(multi=True)
        asked = parse_page(deps, viewer, given, limit=HISTORY_PAGE_SIZE, limit_max=gallery.PAGE_SIZE_MAX)
        page = gallery.list_takes(deps, viewer, asked.wanted, limit=asked.limit, cursor=asked.cursor)
        total = {"total": gallery.count_takes(deps, viewer, asked.wanted)} if asked.count else {}
        return jsonify(items=takes_json(deps, viewer, page.items), next_cursor=page.next_cursor, **total)

    @blueprint.post("/cancel/<job_id>")
    def cancel_take(job_id: str) -> ResponseReturnValue:
        job = cancel.cancel_job(deps, current_viewer(), job_id)
        return jsonify(take_json(deps, current_viewer(), gallery.take_of(deps, job))), 202

    return blueprint
