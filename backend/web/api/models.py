"""Models on offer, for clients."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.catalogue.models import VideoModel
from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.money import price_rules
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import current_viewer, query_as
from backend.web.api.schemas.models import ModelList, ModelsQuery

OPERATIONS = (
    Operation(
        "GET",
        "/api/models",
        "list_models",
        "All models at once, with the schemas of their parameters.",
        {200: told("The models that fit.", ModelList)},
        Do.SEE_MODELS,
        query=ModelsQuery,
        subject="models",
    ),
)


def routes(deps: Deps) -> Blueprint:
    """GET /api/models. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("models", __name__)

    @blueprint.get("/models")
    def models() -> ResponseReturnValue:
        asked = query_as(ModelsQuery)
        found = price_rules.find_models(deps, current_viewer(), asked.q, asked.provider)
        return jsonify(items=list(map(model_json, found)))

    return blueprint


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
