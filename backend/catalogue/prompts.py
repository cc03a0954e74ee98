"""How a model takes its prompt: whether one fits, what may stand in its place, and what is posted."""

from collections.abc import Mapping
from typing import Any

from backend.catalogue.models import VideoModel

#: What people read of a field that may stand in for the prompt, where that is not its name.
_SUBSTITUTES = {"multi_prompt": "shots"}


def check_prompt(model: VideoModel, prompt: str) -> str | None:
    """What is wrong with the prompt as it would be sent (composed), or None."""
    if model.prompt_field is None:
        return "this model takes no prompt; leave it empty" if prompt.strip() else None
    if not prompt.strip():
        return "must say what to make" if model.prompt_required else None
    if len(prompt) > model.prompt_max_chars:
        over = len(prompt) - model.prompt_max_chars
        return f"is {over:,} over the {model.prompt_max_chars:,} characters that this model takes; cut it"
    if len(prompt) < model.prompt_min_chars:
        return f"must have at least {model.prompt_min_chars:,} characters for this model"
    return None


def may_be_blank(model: VideoModel, params: Mapping[str, Any], *, has_photo: bool) -> bool:
    """May a person leave the prompt of this model empty, with these parameters and a photo or none?"""
    if model.prompt_field is None:
        return True
    shown = has_photo and model.image_field is not None
    return not model.prompt_required and (shown or any(_is_prompt(model, name) for name in params))


def prompt_substitutes(model: VideoModel) -> list[str]:
    """What makes the prompt of a model dispensable, in words: a photo, or a field that says as much."""
    if model.prompt_required or model.prompt_field is None:
        return []
    fields = [
        _SUBSTITUTES.get(name, name.replace("_", " "))
        for name in model.schema["properties"]
        if _is_prompt(model, name)
    ]
    return (["a photo"] if model.image_field else []) + fields


def build_payload(model: VideoModel, prompt: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What is posted, the photos aside: the prompt, and `params` as they are; no default is added."""
    if model.prompt_field is None or not (prompt or model.prompt_required):
        return dict(params)
    return {**params, model.prompt_field: prompt}


def _is_prompt(model: VideoModel, name: str) -> bool:
    """Does this parameter say what should be seen? A switch or a choice about the prompt doesn't."""
    prop = model.schema["properties"].get(name, {})
    chosen = "enum" in prop or prop.get("type") in ("boolean", "integer", "number")
    return "prompt" in name and name != "negative_prompt" and not chosen
