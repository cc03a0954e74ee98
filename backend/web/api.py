"""The HTTP API: start, status, history, models, cancel, upload. JSON in and out, bearer tokens."""

import uuid
from dataclasses import asdict
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.quote import Quote
from backend.domain.errors import InvalidRequest, RequestError
from backend.domain.shape import load_json
from backend.domain.states import API_STATUS, JobState
from backend.domain.take_filter import TakeFilter
from backend.models import Job
from backend.services import access
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.gallery import signed_links
from backend.services.gallery import takes as gallery
from backend.services.gallery.take_files import FileOfTake, playing_key
from backend.services.gallery.takes import Take
from backend.services.money import price_rules
from backend.services.money.charges import charge_of, told_trouble
from backend.services.takes import cancel, check_request, create, photos, request_photos
from backend.services.takes.photos import NewUpload
from backend.services.takes.request import parse_request
from backend.web import spend
from backend.web.photo_part import photo_part

#: JSON bodies are small.
JSON_MAX_BYTES = 1024 * 1024
#: Items on a page of the history, unless asked otherwise.
HISTORY_PAGE_SIZE = 50
#: What clients are told of when things happened to a take.
MOMENTS = ("created_at", "submitted_at", "started_at", "rendered_at", "ended_at")


class MalformedJson(RequestError):
    """The body is no JSON."""

    code = "malformed_json"


def routes(deps: Deps) -> Blueprint:
    """Every route needs a token; `before_request` sees to it, so that none can forget."""
    blueprint = Blueprint("api", __name__, url_prefix="/api")

    @blueprint.before_request
    def authenticate() -> None:
        g.viewer = access.authenticate_token(deps, request.headers.get("Authorization"))

    @blueprint.post("/video/start")
    def start() -> ResponseReturnValue:
        current_viewer().require_role(Role.CREATOR)
        key, asked = request.headers.get("Idempotency-Key"), parse_request(json_body())
        job = create.create_job(deps, current_viewer(), asked, idempotency_key=key)
        notes = [*asked.notes, *request_photos.photo_notes_of(deps, current_viewer(), job)]
        return jsonify({**started_json(deps, job), **({"notes": notes} if notes else {})}), 202

    @blueprint.post("/video/estimate")
    def estimate() -> ResponseReturnValue:
        quote = check_request.estimate_request(deps, current_viewer(), parse_request(json_body()))
        return jsonify(quote_json(quote))

    @blueprint.get("/video/status/<job_id>")
    def status(job_id: str) -> ResponseReturnValue:
        return jsonify(take_json(deps, gallery.get_take(deps, current_viewer(), job_id)))

    @blueprint.get("/video/history")
    def history() -> ResponseReturnValue:
        wanted, limit, cursor = history_query()
        page = gallery.list_takes(deps, current_viewer(), wanted, limit=limit, cursor=cursor)
        return jsonify(items=[take_json(deps, take) for take in page.items], next_cursor=page.next_cursor)

    @blueprint.get("/models")
    def models() -> ResponseReturnValue:
        found = deps.catalogue.search(request.args.get("q", ""), request.args.get("provider"))
        return jsonify(items=list(map(model_json, price_rules.with_team_rules(deps, found))))

    @blueprint.post("/video/cancel/<job_id>")
    def cancel_take(job_id: str) -> ResponseReturnValue:
        job = cancel.cancel_job(deps, current_viewer(), job_id)
        return jsonify(take_json(deps, gallery.get_take(deps, current_viewer(), job.id))), 202

    @blueprint.post("/video/upload")
    def upload() -> ResponseReturnValue:
        current_viewer().require_role(Role.CREATOR)
        with photo_part("file") as (content, name):
            new = photos.create_upload(deps, current_viewer(), content, file_name=name)
        return jsonify(upload_json(deps, new)), 201

    blueprint.register_blueprint(spend.routes(deps))
    return blueprint


def current_viewer() -> Viewer:
    """Who sent this request."""
    viewer: Viewer = g.viewer
    return viewer


def json_body() -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        MalformedJson: it is no JSON, or too deep. InvalidRequest: it is JSON, but no object.
    """
    request.max_content_length = JSON_MAX_BYTES
    try:
        value = load_json(request.get_data(cache=False), parse_constant=_no_constant)
    except ValueError as error:
        raise MalformedJson(f"The body is no JSON ({str(error)[:120]}).") from error
    if not isinstance(value, dict):
        raise InvalidRequest({"body": "must be a JSON object with model and prompt"})
    return value


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


def started_json(deps: Deps, job: Job) -> dict[str, Any]:
    """What a client hears right after a start."""
    status = API_STATUS[JobState(job.state)]
    return {"id": job.id, "status": status, "state": job.state, "status_url": _status_url(deps, job.id)}


def take_json(deps: Deps, take: Take) -> dict[str, Any]:
    """A take as clients see it."""
    job = take.job
    charge = charge_of(job, reads_events=deps.settings.reads_bills)
    processing, trouble = take.status == "processing", told_trouble(job, charge)
    moments = {name: getattr(job, name) for name in MOMENTS}
    return {
        "id": job.id,
        "status": take.status,
        "state": job.state,
        "provider": job.provider,
        "model": job.model,
        "prompt": job.prompt,
        "sent_prompt": job.sent_prompt,
        "style": job.style,
        "params": job.params,
        "image": job.image,
        "images": job.images or {},
        "template_version": job.template_version,
        "owner": job.owner,
        "parent_id": job.parent_id,
        "request_id": job.request_id,
        "elapsed_s": round(take.elapsed_s(deps.clock.now()), 3),
        "queue_position": gallery.queue_position(deps, job),
        "progress": {"fetched_bytes": job.fetched_bytes, "total_bytes": job.fetch_total_bytes}
        if job.fetched_bytes is not None
        else None,
        "error": None if processing or trouble is None else trouble.as_json(),
        "trouble": trouble.as_json() if processing and trouble else None,
        "cancel_requested": job.cancel_requested_at is not None,
        "video": _video_json(deps, take),
        "files": [_file_json(deps, file) for file in take.files],
        "files_zip_url": signed_links.api_link(deps, signed_links.zip_key(take)),
        "cost": {
            "estimate_usd": job.estimate_usd,
            "billed_usd": charge.billed_usd,
            "at_most_usd": (job.price or {}).get("at_most_usd", job.estimate_usd),
            "basis": (job.price or {}).get("basis"),
            "source": charge.source,
            "state": charge.state,
            "words": charge.words,
            "asked_until": charge.asked_until.isoformat() if charge.asked_until else None,
        },
        "status_url": _status_url(deps, job.id),
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }


def quote_json(quote: Quote) -> dict[str, Any]:
    """What a take would cost, as clients see it; null where nobody knows."""
    return {
        "estimate_usd": quote.usd,
        "at_most_usd": quote.at_most_usd,
        "source": quote.source.value,
        "basis": quote.basis,
        "as_of": quote.as_of,
    }


def model_json(model: VideoModel) -> dict[str, Any]:
    """A model as clients see it."""
    return {
        "id": model.id,
        "provider": model.provider,
        "title": model.title,
        "category": model.category,
        "description": model.description,
        "schema": model.schema,
        "image": "required" if model.image_required else "optional" if model.image_field else None,
        "photo_limits": model.photo_limits,
        "prompt_max_chars": model.prompt_max_chars,
        "price": {"unit": model.price.unit, "unit_usd": model.price.unit_usd} if model.price else None,
        "price_range": asdict(model.price_range) if model.price_range else None,
        "usable": model.usable,
        "reason": model.reason,
    }


def upload_json(deps: Deps, new: NewUpload) -> dict[str, Any]:
    """An upload as clients see it; `notes`: what was done to the photo, for people."""
    upload, size = new.upload, new.scaled_from
    return {
        "id": upload.id,
        "sha256": upload.sha256,
        "width": upload.width,
        "height": upload.height,
        "scaled_from": {"width": size[0], "height": size[1]} if size else None,
        "notes": new.notes,
        "size_bytes": upload.size_bytes,
        "content_type": upload.content_type,
        "file_name": upload.file_name,
        "url": signed_links.api_link(deps, upload.key),
        "created_at": upload.created_at.isoformat(),
    }


def _video_json(deps: Deps, take: Take) -> dict[str, Any] | None:
    video = take.video
    if video is None or take.status != "completed":
        return None
    return {
        "url": signed_links.api_link(deps, video.key),
        "poster_url": signed_links.api_link(deps, video.poster_key),
        "preview_url": signed_links.api_link(deps, video.preview_key),
        "player_url": signed_links.api_link(deps, playing_key(video)),
        "sha256": video.sha256,
        "size_bytes": video.size_bytes,
        "duration_s": video.duration_s or None,
        "width": video.width or None,
        "height": video.height or None,
        "fps": video.fps,
        "missing": video.missing_at is not None,
    }


def _file_json(deps: Deps, file: FileOfTake) -> dict[str, Any]:
    """One file of a take; what is not known of it, or not yet, is null."""
    stored = file.video
    whole = stored if stored is not None and stored.missing_at is None else None
    return {
        "role": file.wanted.role,
        "kind": file.kind,
        "url": signed_links.api_link(deps, whole.key) if whole else None,
        "poster_url": signed_links.api_link(deps, whole.poster_key) if whole else None,
        "player_url": signed_links.api_link(deps, playing_key(whole)) if whole else None,
        "sha256": stored.sha256 if stored else None,
        "size_bytes": stored.size_bytes if stored else file.wanted.size_bytes,
        "content_type": stored.content_type if stored else file.wanted.content_type,
        "width": stored.width or None if stored else None,
        "height": stored.height or None if stored else None,
        "duration_s": stored.duration_s or None if stored else None,
        "checked": stored.checked if stored else False,
        "problem": file.problem,
    }


def _status_url(deps: Deps, job_id: str) -> str:
    return f"{deps.settings.public_url}/api/video/status/{job_id}"


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


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
