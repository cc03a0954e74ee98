"""fal's platform API below /v1: models on offer, prices, requests of the past.

Source: platform OpenAPI (api.fal.ai/v1/openapi.json).
"""

import time
from typing import Any

from flask import Blueprint, Response, request

from simulator.engine.faults import fault_number
from simulator.engine.installation import Current, Installation
from simulator.engine.ledger import JSON, Request
from simulator.engine.stamps import iso_of, moment_of
from simulator.http.answers import has_key, json_answer
from simulator.http.openapi import openapi_of

#: fal's own limits of a page, and of how many endpoints may be named.
PAGE, PAGE_MAX, ENDPOINTS_MAX = 50, 100, 50
#: The platform API's words for what is wrong with a question.
KINDS = {404: "not_found", 429: "rate_limited"}
#: How far the listing of requests reaches back without a `start`, in seconds.
DAY_S = 86_400.0
#: Billing events: so many a page, over so many days, at the most.
EVENTS_PAGE_MAX = 10_000
DAYS_MAX = 90


class Refused(Exception):
    """An answer in the platform's error shape."""

    def __init__(self, code: int, kind: str, message: str, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.code, self.kind = code, kind
        self.headers = {} if retry_after is None else {"Retry-After": retry_after}


def refused_answer(error: Refused) -> Response:
    """As the platform API refuses."""
    return json_answer({"error": {"type": error.kind, "message": str(error)}}, error.code, error.headers)


def routes(current: Current) -> Blueprint:
    """The routes below /v1 about models and requests."""
    blueprint = Blueprint("platform_api", __name__, url_prefix="/v1")

    blueprint.register_error_handler(Refused, refused_answer)

    @blueprint.get("/models")
    def list_models() -> Response:
        sim = current()
        if trouble := listing_trouble(sim):
            return trouble
        page, expand = _paged("models", _chosen(sim)), _expand()
        return json_answer({**page, "models": [_model(entry, expand) for entry in page["models"]]})

    @blueprint.get("/models/pricing")
    def list_prices() -> Response:
        sim = current()
        _require_key()
        if trouble := listing_trouble(sim):
            return trouble
        prices = [_price(name, price) for name in _endpoints() if (price := sim.offer.price_of(name))]
        return json_answer(_paged("prices", prices))

    @blueprint.get("/models/billing-events")
    def list_billing_events() -> Response:
        require_admin_key()
        sim = current()
        if trouble := listing_trouble(sim):
            return trouble
        return json_answer(_paged("billing_events", _charged(sim), most=EVENTS_PAGE_MAX))

    @blueprint.get("/models/requests/by-endpoint")
    def list_requests() -> Response:
        _require_key()
        since, ledger = _start(), current().ledger
        sent = [made for name in _endpoints() for made in ledger.list_requests(name)]
        # what waits isn't listed yet
        found = [made for made in sent if made.started_at and made.sent_at >= since]
        found.sort(key=lambda r: r.ended_at or float("inf"), reverse=True)
        with_payloads = "payloads" in _expand()
        return json_answer(_paged("items", [_past(r, with_payloads) for r in found]))

    return blueprint


def _price(name: str, price: JSON) -> JSON:
    """A row of the price list; a test may have put another currency into it."""
    row = {"endpoint_id": name, "unit_price": price["unit_usd"], "unit": price["unit"]}
    return {**row, "currency": price.get("currency", "USD")}


def listing_trouble(sim: Installation) -> Response | None:
    """What a fault makes of an answer of the catalogue; None: nothing."""
    faults = sim.faults_of_listing(request.full_path)
    if "catalog-http" in faults:
        code = int(fault_number(faults, "catalog-http"))
        kind = "server_error" if code >= 500 else KINDS.get(code, "validation_error")
        raise Refused(code, kind, "Something went wrong", faults.get("retry-after"))
    if "catalog-stall" in faults:
        sim.pause(fault_number(faults, "catalog-stall"))
    if "catalog-garbage" in faults:
        return Response("<html><body><h1>Be right back</h1></body></html>", mimetype="text/html")
    return None


def _chosen(sim: Installation) -> list[JSON]:
    """The models that the query asks for."""
    named, category = _endpoints(required=False), request.args.get("category")
    return [
        entry
        for endpoint, entry in sim.offer.entries.items()
        if (not named or endpoint in named) and (not category or entry.get("category") == category)
    ]


def _model(entry: JSON, expand: set[str]) -> JSON:
    endpoint = entry["endpoint_id"]
    metadata = {
        "display_name": entry.get("title", endpoint),
        "category": entry.get("category"),
        "description": entry.get("description", ""),
        "status": entry.get("status", "active"),
        "tags": entry.get("tags", []),
        "updated_at": "2026-10-01T00:00:00Z",
        "model_url": f"https://fal.run/{endpoint}",
        "thumbnail_url": None,
    }
    if entry.get("typical_s"):
        metadata["duration_estimate"] = round(float(entry["typical_s"]) / 60, 2)
    model: JSON = {"endpoint_id": endpoint, "metadata": metadata}
    if "openapi-3.0" in expand:
        model["openapi"] = openapi_of(entry)
    return model


def _past(found: Request, with_payloads: bool) -> JSON:
    item: JSON = {
        "request_id": found.request_id,
        "endpoint_id": found.endpoint,
        "sent_at": iso_of(found.sent_at),
        "started_at": iso_of(found.started_at),
    }
    if found.ended_at is not None:
        item |= {
            "ended_at": iso_of(found.ended_at),
            "status_code": found.code,
            "duration": round(found.ended_at - (found.started_at or found.sent_at), 3),
        }
    if with_payloads:
        item |= {"json_input": found.input, "json_output": found.output}
    return item


def _charged(sim: Installation) -> list[JSON]:
    """What was charged for the requests that the query asks for."""
    since, until = _start(), _moment("end", time.time())
    if until - since > DAYS_MAX * DAY_S:
        raise Refused(400, "validation_error", f"start, end: at most {DAYS_MAX} days")
    named, ids = set(_endpoints(required=False)), _listed("request_id")
    return [
        _event(made)
        for made in sim.ledger.list_requests()
        if made.charged_usd
        and since <= (made.ended_at or 0.0) < until
        and (not named or made.endpoint in named)
        and (not ids or made.request_id in ids)
    ]


def _event(made: Request) -> JSON:
    """What a request was charged, as fal's billing tells it."""
    cost_usd = made.charged_usd
    return {
        "request_id": made.request_id,
        "endpoint_id": made.endpoint,
        "timestamp": iso_of(made.ended_at or 0.0),
        "output_units": made.units,
        "unit_price": made.unit_usd,
        "percent_discount": None,
        "cost_subtotal": cost_usd,
        "cost_discount": 0.0,
        "cost_total": cost_usd,
        "cost_estimate_nano_usd": round(cost_usd * 1e9),
    }


def require_admin_key() -> None:
    """A key with "admin" in it is one; any other is let in elsewhere, and refused here."""
    _require_key()
    if "admin" not in request.headers.get("Authorization", ""):
        raise Refused(403, "authorization_error", "Admin API key required")


def _require_key() -> None:
    if not has_key():
        raise Refused(401, "authorization_error", "Invalid or missing API key")


def _endpoints(*, required: bool = True) -> list[str]:
    named = [part.strip() for value in request.args.getlist("endpoint_id") for part in value.split(",")]
    named = [endpoint for endpoint in named if endpoint]
    if (required and not named) or len(named) > ENDPOINTS_MAX:
        raise Refused(400, "validation_error", f"endpoint_id: name 1 to {ENDPOINTS_MAX} endpoints")
    return named


def _expand() -> set[str]:
    return {part.strip() for value in request.args.getlist("expand") for part in value.split(",")}


def _listed(name: str) -> set[str]:
    return {part.strip() for value in request.args.getlist(name) for part in value.split(",") if part}


def _start() -> float:
    return _moment("start", time.time() - DAY_S)


def _moment(name: str, default: float) -> float:
    text = request.args.get(name)
    try:
        return moment_of(text.replace(" ", "+")) if text else default
    except ValueError as error:
        raise Refused(400, "validation_error", f"{name}: not an ISO 8601 moment") from error


def _paged(name: str, items: list[Any], *, most: int = PAGE_MAX) -> JSON:
    """One page, by `limit` and an opaque `cursor`."""
    limit = request.args.get("limit", PAGE, type=int)
    cursor = request.args.get("cursor", "o0")
    if not 1 <= limit <= most or not cursor[:1] == "o" or not cursor[1:].isdecimal():
        raise Refused(400, "validation_error", f"limit: 1 to {most}; cursor: as given")
    start, end = int(cursor[1:]), int(cursor[1:]) + limit
    more = end < len(items)
    return {name: items[start:end], "next_cursor": f"o{end}" if more else None, "has_more": more}
