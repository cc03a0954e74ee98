"""fal's platform API below /v1: models on offer, prices, requests of the past, addresses of webhooks.

Source: platform OpenAPI (api.fal.ai/v1/openapi.json).
"""

import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from simulator.engine import faults as wanted
from simulator.engine.ledger import JSON, Request
from simulator.engine.stamps import iso, moment
from simulator.http.openapi import openapi

if TYPE_CHECKING:
    from simulator.app import Simulator

#: fal's own limits of a page, and of how many endpoints may be named.
PAGE, PAGE_MAX, ENDPOINTS_MAX = 50, 100, 50
#: The platform API's words for what is wrong with a question.
KINDS = {404: "not_found", 429: "rate_limited"}
#: How far the listing reaches back without a `start`, and with a request id, in seconds.
DAY_S, LONG_S = 86_400.0, 90 * 86_400.0


class Refused(Exception):
    """An answer in the platform's error shape."""

    def __init__(self, code: int, kind: str, message: str, wait_s: str | None = None) -> None:
        super().__init__(message)
        self.code, self.kind = code, kind
        self.headers = {} if wait_s is None else {"Retry-After": wait_s}


def routes(sim: "Simulator") -> Blueprint:
    """The routes below /v1."""
    blueprint = Blueprint("platform", __name__, url_prefix="/v1")

    @blueprint.errorhandler(Refused)
    def refused(error: Refused) -> tuple[Response, int, dict[str, str]]:
        return jsonify({"error": {"type": error.kind, "message": str(error)}}), error.code, error.headers

    @blueprint.get("/meta")
    def meta() -> Response:
        return jsonify({"webhook_ip_ranges": ["127.0.0.1/32", "::1/128"]})

    @blueprint.get("/models")
    def models() -> Response:
        if trouble := _trouble(sim):
            return trouble
        page, expand = _paged("models", _chosen(sim)), _expand()
        return jsonify({**page, "models": [_model(entry, expand) for entry in page["models"]]})

    @blueprint.get("/models/pricing")
    def pricing() -> Response:
        _let_in(sim)
        if trouble := _trouble(sim):
            return trouble
        return jsonify(_paged("prices", [p for p in (_price(sim, e) for e in _endpoints()) if p]))

    @blueprint.get("/models/requests/by-endpoint")
    def by_endpoint() -> Response:
        _let_in(sim)
        found = [r for endpoint in _endpoints() for r in sim.ledger.requests(endpoint) if _listed(sim, r)]
        found.sort(key=lambda r: r.ended_at or float("inf"), reverse=True)
        with_payloads = "payloads" in _expand()
        return jsonify(_paged("items", [_past(r, with_payloads) for r in found]))

    return blueprint


def _trouble(sim: "Simulator") -> Response | None:
    """What a fault makes of an answer of the catalogue; None: nothing."""
    faults = sim.catalog_faults(request.full_path)
    if "catalog-http" in faults:
        code = int(float(faults["catalog-http"]))
        kind = "server_error" if code >= 500 else KINDS.get(code, "validation_error")
        raise Refused(code, kind, "Something went wrong", faults.get("retry-after"))
    if "catalog-stall" in faults:
        sim.stop.wait(wanted.number(faults, "catalog-stall"))
    if "catalog-garbage" in faults:
        return Response("<html><body><h1>Be right back</h1></body></html>", mimetype="text/html")
    return None


def _chosen(sim: "Simulator") -> list[JSON]:
    """The models that the query asks for."""
    named, q = _endpoints(required=False), request.args.get("q", "").lower()
    category, status = request.args.get("category"), request.args.get("status")
    return [
        entry
        for endpoint, entry in sim.offer.entries.items()
        if (not named or endpoint in named)
        and (not q or q in f"{endpoint} {entry.get('title', '')} {entry.get('description', '')}".lower())
        and (not category or entry.get("category") == category)
        and (not status or entry.get("status", "active") == status)
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
        model["openapi"] = openapi(entry)
    return model


def _price(sim: "Simulator", endpoint: str) -> JSON | None:
    price = sim.offer.price(endpoint)
    if price is None:
        return None
    return {
        "endpoint_id": endpoint,
        "unit_price": price["unit_usd"],
        "unit": price.get("unit", "second"),
        "currency": "USD",
    }


def _listed(sim: "Simulator", found: Request) -> bool:
    """Does the listing show it? What waits isn't there yet, and everything appears with a lag."""
    asked_id, status = request.args.get("request_id"), request.args.get("status")
    reach_s = LONG_S if asked_id else DAY_S
    start = _moment("start") or time.time() - reach_s
    end = _moment("end") or float("inf")
    shown_at = found.sent_at + sim.config.listing_lag_s
    if found.started_at is None or shown_at > time.time() or not start <= found.sent_at < end:
        return False
    if asked_id and asked_id != found.request_id:
        return False
    kind = None if found.ended_at is None else _kind(found.code)
    return status is None or status == kind


def _past(found: Request, with_payloads: bool) -> JSON:
    item: JSON = {
        "request_id": found.request_id,
        "endpoint_id": found.endpoint,
        "sent_at": iso(found.sent_at),
        "started_at": iso(found.started_at),
    }
    if found.ended_at is not None:
        item |= {
            "ended_at": iso(found.ended_at),
            "status_code": found.code,
            "duration": round(found.ended_at - (found.started_at or found.sent_at), 3),
        }
    if with_payloads:
        item |= {"json_input": found.input, "json_output": found.output}
    return item


def _kind(code: int) -> str:
    return "success" if code < 400 else "user_error" if code < 500 else "error"


def _let_in(sim: "Simulator") -> None:
    if not sim.knows(request.headers.get("Authorization")):
        raise Refused(401, "authorization_error", "Invalid or missing API key")


def _endpoints(*, required: bool = True) -> list[str]:
    named = [part.strip() for value in request.args.getlist("endpoint_id") for part in value.split(",")]
    named = [endpoint for endpoint in named if endpoint]
    if (required and not named) or len(named) > ENDPOINTS_MAX:
        raise Refused(400, "validation_error", f"endpoint_id: name 1 to {ENDPOINTS_MAX} endpoints")
    return named


def _expand() -> set[str]:
    return {part.strip() for value in request.args.getlist("expand") for part in value.split(",")}


def _moment(name: str) -> float | None:
    text = request.args.get(name)
    try:
        return moment(text.replace(" ", "+")) if text else None
    except ValueError as error:
        raise Refused(400, "validation_error", f"{name}: not an ISO 8601 moment") from error


def _paged(name: str, items: list[Any]) -> JSON:
    """One page, by `limit` and an opaque `cursor`."""
    limit = request.args.get("limit", PAGE, type=int)
    cursor = request.args.get("cursor", "o0")
    if not 1 <= limit <= PAGE_MAX or not cursor[:1] == "o" or not cursor[1:].isdecimal():
        raise Refused(400, "validation_error", f"limit: 1 to {PAGE_MAX}; cursor: as given")
    start = int(cursor[1:])
    more = start + limit < len(items)
    return {
        name: items[start : start + limit],
        "next_cursor": f"o{start + limit}" if more else None,
        "has_more": more,
    }
