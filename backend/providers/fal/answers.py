"""What fal's answers say: results, errors, listings. Pure functions of JSON.

Source: fal documentation, "Model errors", "Request errors", "Queue API"; platform OpenAPI.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backend.domain.output_files import find_files, has_unreachable
from backend.providers.answer_body import clean_text, parse_json
from backend.providers.base import Errored, Finished, Outcome, ProviderRecord, Unclear

NO_LINK_TEXT = "The model finished, and its answer names a file by something that is no link."

#: fal's error types in plain words: what happened, and what can be done.
ERROR_MESSAGES = {
    "content_policy_violation": "The model's safety filter refused this. Change the wording or the photo.",
    "no_media_generated": "The model gave no video for this. Change the prompt and try again.",
    "image_too_small": "The photo is too small for this model. Use a larger one.",
    "image_too_large": "The photo is too large for this model. Use a smaller one.",
    "image_load_error": "The model could not read the photo. Upload it again, or use another.",
    "file_download_error": "fal could not download the photo. Upload it again.",
    "face_detection_error": "The model found no face in the photo. Use another one.",
    "file_too_large": "The photo has too many bytes for this model. Use a smaller one.",
    "generation_timeout": "The model took too long and was stopped.",
    "internal_server_error": "The model failed at fal.",
    "downstream_service_error": "A service behind the model failed.",
    "downstream_service_unavailable": "A service behind the model was not there.",
}
#: Errors that fal never bills: it broke down itself. Source: fal documentation, "FAQ", on failed requests.
OWN_FAULTS = frozenset(
    {
        "internal_server_error",
        "generation_timeout",
        "downstream_service_error",
        "downstream_service_unavailable",
        "request_timeout",
        "startup_timeout",
        "internal_error",
    }
)
#: The same, by how they begin.
OWN_FAULT_PREFIXES = ("runner_", "http_5")
_STILL_WORKING = ("in progress", "in queue", "not completed")


def parse_result(output: Any, headers: Mapping[str, str]) -> Outcome:
    """What a completed request gave: files, or else a failure that shows what came instead.

    What names no link, and yet something that may be a file, nobody here can judge.
    """
    units, files = billable_units(headers), find_files(output)
    if files and isinstance(output, dict):
        return Finished(files, output, units)
    if files:  # a list, or a bare link
        return Finished(files, {"output": output}, units)
    if has_unreachable(output) and units != 0:
        return Unclear(NO_LINK_TEXT, _whole(output), units)
    said = error_message(output)
    message = "The model finished without a video" + (f": {said}" if said else ".")
    return Errored("no_video", message, detail=_trimmed(output), billable_units=units)


def model_failure(status: int, body: Any) -> Errored | None:
    """The model's own error, when this answer to "give me the result" is one; None when it is only noise.

    401, 403, 404, 408 and 429 speak of this question, not of the model's work; a 5xx counts only
    when it carries the model's typed error, and an untyped 4xx only in fal's own words.
    """
    if status in (401, 403, 404, 408, 409, 410, 425, 429):
        if not (is_model_error(body) and status in (403, 404, 409)):
            return None
    elif status < 400 or not (is_model_error(body) or (status < 500 and _refuses(body))):
        return None
    code = error_type(body) or f"http_{status}"
    message = ERROR_MESSAGES.get(code) or error_message(body) or f"The model failed ({status})."
    return make_errored(code, message, detail=_trimmed(body))


def _refuses(body: Any) -> bool:
    """Are these fal's own words, and other ones than that the request is still under way?"""
    said = (error_message(body) or "").lower()
    return is_fal_error(body) and not any(word in said for word in _STILL_WORKING)


def webhook_failure(error: Any, payload: Any) -> Errored:
    """The failure that an ERROR webhook tells of: the innermost reason, not the outer "422"."""
    code = error_type(payload) or "model_error"
    message = ERROR_MESSAGES.get(code) or error_message(payload)
    message = message or clean_text(str(error or "The model failed."))
    return make_errored(code, message, detail=_trimmed(payload))


def make_errored(code: str, message: str, *, detail: Any = None) -> Errored:
    """A failure by fal's own word for it, which says whether it was asked for, and whether it is billed."""
    return Errored(
        code,
        message,
        detail=detail,
        cancelled=code == "client_cancelled",
        own_fault=code in OWN_FAULTS or code.startswith(OWN_FAULT_PREFIXES),
    )


def is_model_error(body: Any) -> bool:
    """Does this carry the typed `detail` list of a model error, or fal's own `error_type`?"""
    return error_type(body) is not None


def is_fal_error(body: Any) -> bool:
    """Is this fal's own JSON error (which issued no request id), and not some proxy's page?"""
    return isinstance(body, dict) and "detail" in body and "request_id" not in body


def error_type(body: Any) -> str | None:
    """fal's stable word for an error, from a model error's first detail or an infrastructure error."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("error_type"), str):
        return clean_text(body["error_type"])
    detail = body.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        kind = detail[0].get("type")
        return clean_text(kind) if isinstance(kind, str) else None
    return None


def error_message(body: Any) -> str | None:
    """The words of an error, for a person; without the echo of the input that fal puts beside them."""
    if isinstance(body, str):
        return clean_text(body) or None
    if not isinstance(body, dict):
        return None
    detail = body.get("detail")
    if isinstance(detail, str):
        return clean_text(detail)
    if isinstance(detail, list):
        said = [_one_reason(item) for item in detail if isinstance(item, dict)]
        return clean_text("; ".join(part for part in said if part)) or None
    error = body.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return clean_text(error) if isinstance(error, str) else None


def parse_request_page(page: Mapping[str, Any]) -> list[ProviderRecord]:
    """The requests on one page of `/v1/models/requests/by-endpoint`."""
    items = page.get("items") or page.get("requests") or page.get("data")
    if not isinstance(items, list):
        return []
    return [
        ProviderRecord(item["request_id"], _payload(item.get("json_input")), _moment(item.get("sent_at")))
        for item in items
        if isinstance(item, dict) and isinstance(item.get("request_id"), str)
    ]


def _one_reason(item: Mapping[str, Any]) -> str:
    kind, message = item.get("type"), item.get("msg")
    if isinstance(kind, str) and kind in ERROR_MESSAGES:
        return ERROR_MESSAGES[kind]
    loc = item.get("loc")
    where = [str(part) for part in loc if part != "body"] if isinstance(loc, list) else []
    return f"{'.'.join(where)}: {message}" if where else str(message or "")


def _trimmed(value: Any) -> Any:
    """The error's JSON without the echoed input, so that no prompt or photo ends up in it."""
    if isinstance(value, dict):
        return {clean_text(str(key)): _trimmed(item) for key, item in value.items() if key != "input"}
    if isinstance(value, list):
        return [_trimmed(item) for item in value[:20]]
    return clean_text(value) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """An output without the echoed input, and nothing of it cut: a link to be named may stand anywhere."""
    if isinstance(value, dict):
        return {
            clean_text(str(key), max_chars=None): _whole(item)
            for key, item in value.items()
            if key != "input"
        }
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return clean_text(value, max_chars=None) if isinstance(value, str) else value


def _payload(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        value = parse_json(value)
    return value if isinstance(value, dict) else None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def billable_units(headers: Mapping[str, str]) -> float | None:
    """What fal counted for a request, in the unit of the model's price; None when it doesn't say."""
    value = headers.get("x-fal-billable-units")
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) and number >= 0 else None
